/** Outlines on an image, in its own pixel grid, whatever size and way round it is shown. */

import { useTranslation } from "react-i18next";

import type { Spot } from "./geometry";
import { type Captioned, placeWords } from "./markWords";
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
  const drawn = marks.map((mark) => drawnOf(mark, matrix));
  const words = placeWords(drawn);
  return (
    <g
      role="img"
      aria-label={t("image.marks_here", { count: marks.filter(({ by }) => by === "ai").length })}
      data-testid="marks"
    >
      {drawn.map((one, at) => (
        <One key={one.mark.key} drawn={one} words={words[at] ?? [0, 0]} />
      ))}
    </g>
  );
}

const LINE = 15; // px
const CHARACTER = 7.2; // px, about as wide as letters are
const ASCENT = 12; // px from the top of a line to what its letters stand on

interface Drawn extends Captioned {
  mark: Mark;
  points: string;
}

function drawnOf(mark: Mark, matrix: Matrix): Drawn {
  const corners = mark.polygon.map((spot) => onPane(matrix, spot));
  const x = corners.map(([one]) => one);
  const y = corners.map(([, one]) => one);
  const lines = [mark.label, mark.sure].filter((line) => line !== "");
  return {
    mark,
    points: corners.map((corner) => corner.join(",")).join(" "),
    outline: { left: Math.min(...x), top: Math.min(...y), right: Math.max(...x), bottom: Math.max(...y) },
    width: Math.max(0, ...lines.map((line) => line.length)) * CHARACTER,
    height: lines.length * LINE,
  };
}

function One({ drawn: { mark, points }, words: [left, top] }: { drawn: Drawn; words: Spot }) {
  return (
    <g className={classes.mark} data-by={mark.by}>
      <polygon className={classes.under} points={points} />
      <polygon className={classes.outline} points={points} />
      <text className={classes.label} x={left} y={top + ASCENT}>
        {mark.label}
      </text>
      {mark.sure !== "" && (
        <text className={`${classes.label} ${classes.sure}`} x={left} y={top + ASCENT + LINE}>
          {mark.sure}
        </text>
      )}
    </g>
  );
}
