import { useTranslation } from "react-i18next";

import { useNow } from "../clock";
import { studyHref } from "../route";
import { sentence, timeToTheSecond } from "../words";
import classes from "./Deliveries.module.css";
import { useProblems } from "./deliveries";

/** What could not be made, where there is something. */
export function Problems() {
  const { t } = useTranslation();
  const found = useProblems().data ?? [];
  const now = useNow();
  if (found.length === 0) return null;
  return (
    <section className={classes.problems}>
      <h2>{t("deliveries.not_made")}</h2>
      <ul>
        {found.map((one) => (
          <li key={one.study_instance_uid}>
            <a href={studyHref(one.study_instance_uid)} title={one.study_instance_uid}>
              {one.study_instance_uid.slice(-12)}
            </a>{" "}
            {sentence(one.problem)}{" "}
            <span className={classes.dim}>
              {one.next_try_at === null
                ? t("deliveries.tried_no_more")
                : t("deliveries.next_try", { time: timeToTheSecond(one.next_try_at, now) })}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
