import { useTranslation } from "react-i18next";

import type { Study } from "../api";
import { useNow } from "../clock";
import { useRoles } from "../session";
import { fullTime, sentence, timeToTheSecond } from "../words";
import classes from "./Reading.module.css";
import { type Report, useReports } from "./reports";

/** What the RIS says that somebody wrote elsewhere; nothing of it is Vigie's (P5). */
export function Reports({ study }: { study: Study }) {
  const { t } = useTranslation();
  const now = useNow();
  const asked = useReports(study, useRoles());
  if (asked.isError) {
    return (
      <section>
        <h2>{t("reports.heading")}</h2>
        <p role="alert">
          {asked.error instanceof TypeError ? t("app.no_answer") : sentence(asked.error.message)}
        </p>
      </section>
    );
  }
  if (asked.data === undefined || asked.data.length === 0) return null;
  return (
    <section data-testid="reports">
      <h2>{t("reports.heading")}</h2>
      <ul className={classes.reports}>
        {asked.data.map((one) => (
          <li key={`${one.received_at} ${one.said_at} ${one.status}`}>
            <p>
              {t("reports.of", { status: t(`reports.status.${one.status}`) })}{" "}
              <time dateTime={one.said_at} title={fullTime(one.said_at)}>
                {timeToTheSecond(one.said_at, now)}
              </time>
            </p>
            {one.withdrawn_at !== null && (
              <p>
                <strong>{t("reports.withdrawn", { at: fullTime(one.withdrawn_at) })}</strong>
              </p>
            )}
            <p className={classes.reportText}>
              <Words of={one} />
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What it says; struck through once it was withdrawn: it may be of another patient. */
function Words({ of }: { of: Report }) {
  const { t } = useTranslation();
  if (of.text === "") return t("reports.no_text");
  return of.withdrawn_at === null ? of.text : <s>{of.text}</s>;
}
