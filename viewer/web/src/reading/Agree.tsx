/** Agree or disagree with what AI found, thing by thing or as a whole. */

import { IconCheck, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { Detector, Study } from "../api";
import { useSession } from "../session";
import classes from "./Reading.module.css";
import { myAgreement, type ReadingActs } from "./reading";

interface Props {
  study: Study;
  acts: ReadingActs;
  detector: string;
  lesion: number | null; // null: the result as a whole
}

/** Two buttons for a radiologist, pressed as she last said; nothing for others. */
export function Agree({ study, acts, detector, lesion }: Props) {
  const { t } = useTranslation();
  const isReader = useSession().data?.roles.includes("radiologist") === true;
  if (!isReader || study.reading === undefined) return null;
  const said = myAgreement(study.reading, detector, lesion)?.agrees ?? null;
  return (
    <span className={classes.agree} role="group" aria-label={t("reading.agree_group")}>
      {[true, false].map((agrees) => {
        const Icon = agrees ? IconCheck : IconX;
        return (
          <button
            key={String(agrees)}
            type="button"
            title={t(agrees ? "reading.agree" : "reading.disagree")}
            aria-label={t(agrees ? "reading.agree" : "reading.disagree")}
            aria-pressed={said === agrees}
            onClick={() => {
              if (said !== agrees) acts.agree.mutate({ detector, lesion, agrees });
            }}
          >
            <Icon size={14} aria-hidden />
          </button>
        );
      })}
    </span>
  );
}

/** With a detector's whole result; and who of the others said what. */
export function AgreeWhole({ detector, study, acts }: { detector: Detector; study: Study; acts: ReadingActs }) {
  const { t } = useTranslation();
  const said = (study.reading?.agreements ?? []).filter(
    (one) => one.detector === detector.name && one.lesion === null && one.region === null && !one.mine,
  );
  return (
    <div className={classes.whole}>
      <span>
        {said.length === 0 && t("reading.agree_group")}
        {said.map((one) => (
          <span key={one.by}>
            {t(one.agrees ? "reading.agrees" : "reading.disagrees", { name: one.display_name })}{" "}
          </span>
        ))}
      </span>
      <Agree study={study} acts={acts} detector={detector.name} lesion={null} />
    </div>
  );
}
