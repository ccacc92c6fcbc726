/** Outlines on an image, in its own pixel grid, whatever size and way round it is shown. */

import { useTranslation } from "react-i18next";

import type { Spot } from "./geometry";
import classes from "./StackPane.module.css";
import { type Matrix, onPane } from "./stackMatrix";

export interface Mark {
  key: string;
  thing: string; // what belongs together from slice to slice
  by: "ai" | "person";
  polygon: readonly Spot[];
  label: string;
  sure: string; // how sure, in words and number; may be empty
}

export function Marks({ marks, matrix }: { marks: readonly Mark[]; matrix: Matrix }) {
  const { t } = useTranslation();
  return (
    <g
      role="img"
      aria-label={t("image.marks_here", { count: marks.filter(({ by }) => by === "ai").length })}
      data-testid="marks"
    >
      {marks.map((mark) => (
        <One key={mark.key} mark={mark} matrix={matrix} />
      ))}
    </g>
  );
}

const LINE = 15; // px

function One({ mark, matrix }: { mark: Mark; matrix: Matrix }) {
  const corners = mark.polygon.map((spot) => onPane(matrix, spot));
  const points = corners.map((corner) => corner.join(",")).join(" ");
  const left = Math.min(...corners.map(([x]) => x));
  const top = Math.min(...corners.map(([, y]) => y));
  const bottom = Math.max(...corners.map(([, y]) => y));
  const lines = mark.sure === "" ? 1 : 2;
  // Above the outline, unless there is no room.
  const first = top > lines * LINE + 6 ? top - 7 - (lines - 1) * LINE : bottom + LINE;
  return (
    <g className={classes.mark} data-by={mark.by}>
      <polygon className={classes.under} points={points} />
      <polygon className={classes.outline} points={points} />
      <text className={classes.label} x={left} y={first}>
        {mark.label}
      </text>
      {mark.sure !== "" && (
        <text className={`${classes.label} ${classes.sure}`} x={left} y={first + LINE}>
          {mark.sure}
        </text>
      )}
    </g>
  );
}
