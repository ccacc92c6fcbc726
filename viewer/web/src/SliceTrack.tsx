import { useTranslation } from "react-i18next";

import { scoreWords } from "./evidence";
import classes from "./SliceTrack.module.css";

interface Props {
  count: number;
  index: number;
  marked: readonly number[]; // indices with something marked
  scores: readonly (number | null)[]; // how suspect each frame is; empty: nothing shown
  onIndex: (index: number) => void;
}

/** The way through a stack: a tick where something is marked, warmer where more is suspected. */
export function SliceTrack({ count, index, marked, scores, onIndex }: Props) {
  const { t } = useTranslation();
  const marks = marked.includes(index) ? `, ${t("image.slice_marked")}` : "";
  const at = t("image.slice_value", { slice: index + 1, slices: count });
  const said = `${at}${marks}${scoreWords(scores[index] ?? null)}`;
  return (
    <div className={classes.track}>
      {scores.some((score) => score !== null) && (
        <svg
          className={classes.scores}
          viewBox={`0 0 1 ${count}`}
          preserveAspectRatio="none"
          aria-hidden
          data-testid="scores"
        >
          {scores.map((score, at) =>
            score === null ? null : (
              <rect key={at} y={at} width="1" height="1" fillOpacity={score} />
            ),
          )}
        </svg>
      )}
      <div className={classes.ticks} aria-hidden>
        {marked.map((at) => (
          <i key={at} style={{ top: `${(at / (count - 1)) * 100}%` }} />
        ))}
      </div>
      <input
        type="range"
        min={1}
        max={count}
        value={index + 1}
        aria-label={t("image.slice")}
        aria-valuetext={said}
        onChange={(event) => {
          onIndex(event.currentTarget.valueAsNumber - 1);
        }}
      />
    </div>
  );
}
