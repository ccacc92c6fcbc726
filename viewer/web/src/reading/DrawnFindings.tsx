/** What people drew that AI did not mark. */

import { useTranslation } from "react-i18next";

import type { Study } from "../api";
import { framesOf } from "../frames";
import { sentence } from "../words";
import classes from "./Reading.module.css";
import { type DrawnFinding, findingWords, type Reading, type ReadingActs } from "./reading";

interface Props {
  study: Study;
  reading: Reading;
  acts: ReadingActs;
  onShow: (seriesAt: number, frameAt: number) => void;
}

export function DrawnFindings({ study, reading, acts, onShow }: Props) {
  const { t } = useTranslation();
  const drawn = reading.drawn.filter(({ withdrawn_at }) => withdrawn_at === null);
  const { error } = acts.draw;
  if (drawn.length === 0 && error === null) return null;
  return (
    <section>
      <h2>{t("reading.drawn")}</h2>
      {error !== null && <p role="alert">{sentence(error.message)}</p>}
      <ul className={classes.drawn} data-testid="drawn">
        {drawn.map((one) => (
          <li key={one.id}>
            <Place study={study} drawn={one} onShow={onShow} />
            <span>
              {findingWords(study, one.target)}, <bdi>{one.display_name}</bdi>
            </span>
            {one.mine && (
              <button
                type="button"
                onClick={() => {
                  acts.withdraw.mutate(one.id);
                }}
              >
                {t("reading.withdraw")}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Place({ study, drawn, onShow }: { study: Study; drawn: DrawnFinding; onShow: Props["onShow"] }) {
  const { t } = useTranslation();
  for (const [seriesAt, series] of study.series.entries()) {
    const frameAt = framesOf(series).findIndex(
      (frame) =>
        frame.sopInstanceUid === drawn.sop_instance_uid && frame.frameNumber === drawn.frame_number,
    );
    if (frameAt < 0) continue;
    return (
      <button
        type="button"
        onClick={() => {
          onShow(seriesAt, frameAt);
        }}
      >
        {t("evidence.slice", { slice: frameAt + 1 })}
      </button>
    );
  }
  return null;
}
