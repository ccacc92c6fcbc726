/** What is said at the edges of a pane: which slice, where, in which window, how large, which way. */

import { useTranslation } from "react-i18next";

import { depthOf, drawnPlane, type Spot } from "./geometry";
import type { ImageFacts } from "./imageFacts";
import { valueAt } from "./measure";
import { figure, fixed, windowFigure } from "./numbers";
import classes from "./StackPane.module.css";
import { magnification } from "./stackMatrix";
import type { Shown } from "./stackView";
import { presetOf } from "./windows";

export interface PaneTitle {
  words: string; // the series
  when: string; // the study, if it is not the one being read; else empty
}

interface Props {
  title: PaneTitle;
  shown: Shown;
  count: number;
  hover: Spot | null; // the place in the image under the pointer
  values: ArrayLike<number> | null;
}

export function Captions({ title, shown, count, hover, values }: Props) {
  const { facts, letters } = shown;
  return (
    <>
      <div className={`${classes.corner} ${classes.topLeft}`}>
        {title.when !== "" && <b>{title.when}</b>}
        <bdi>{title.words}</bdi>
      </div>
      {letters !== null && (
        <div aria-hidden data-testid="letters">
          <span className={`${classes.letter} ${classes.top}`}>{letters.top}</span>
          <span className={`${classes.letter} ${classes.right}`}>{letters.right}</span>
          <span className={`${classes.letter} ${classes.bottom}`}>{letters.bottom}</span>
          <span className={`${classes.letter} ${classes.left}`}>{letters.left}</span>
        </div>
      )}
      {facts !== null && <Facts shown={shown} facts={facts} count={count} />}
      {facts !== null && hover !== null && values !== null && !shown.isColour && (
        <Hover facts={facts} hover={hover} values={values} />
      )}
    </>
  );
}

function Facts({ shown, facts, count }: { shown: Shown; facts: ImageFacts; count: number }) {
  const { t } = useTranslation();
  const { window, matrix, isColour } = shown;
  const preset = presetOf(window);
  const name = shown.asSent ? t("viewer.as_sent") : preset === null ? "" : t(`viewer.preset.${preset}`);
  return (
    <div className={`${classes.corner} ${classes.bottomLeft}`} data-testid="captions">
      {count > 1 && (
        <span>
          {t("image.slice_of", { slice: shown.index + 1, slices: count })}
          <span className={classes.dim}>{positionWords(facts)}</span>
        </span>
      )}
      <span className={classes.dim}>
        {!isColour && (
          <span data-testid="window">
            {t("viewer.window_words", { center: windowFigure(window.center, window.width), width: windowFigure(window.width, window.width) })} {name}
          </span>
        )}
        {matrix !== null && (
          <span data-testid="zoom">
            {" · "}
            {fixed(magnification(matrix) * 100, 0)} %
          </span>
        )}
        {shown.inverted !== (facts.photometric === "MONOCHROME1") && ` · ${t("viewer.inverted")}`}
      </span>
      {facts.scale === "detector" && <span className={classes.dim}>{t("viewer.scale_detector")}</span>}
      {facts.scale === "unknown" && facts.ultrasound.length === 0 && (
        <span className={classes.dim}>{t("viewer.scale_unknown")}</span>
      )}
    </div>
  );
}

const AXES = ["L", "P", "H"] as const; // the directions in which x, y and z grow
const BACK = ["R", "A", "F"] as const;

/** "  H 12.5 mm, 5 mm thick": where the slice lies along the axis it is most across. */
function positionWords(facts: ImageFacts): string {
  if (facts.plane === null) return "";
  const { along, down, position } = drawnPlane(facts);
  const across = [0, 1, 2].map((axis) => Math.abs(along[axis] ?? 0) + Math.abs(down[axis] ?? 0));
  const axis = across.indexOf(Math.min(...across));
  const at = position[axis] ?? depthOf(drawnPlane(facts));
  const letter = (at >= 0 ? AXES[axis] : BACK[axis]) ?? "";
  const thick = facts.sliceThicknessMm === null ? "" : ` · ${fixed(facts.sliceThicknessMm, 1)} mm`;
  return ` · ${letter}\u202f${fixed(Math.abs(at), 1)} mm${thick}`;
}

function Hover({ facts, hover, values }: { facts: ImageFacts; hover: Spot; values: ArrayLike<number> }) {
  const value = valueAt(values, facts, hover);
  if (value === null) return null;
  return (
    <div className={`${classes.corner} ${classes.bottomRight}`} data-testid="hover">
      <span>
        {figure(value)} {facts.unit}
      </span>
      <span className={classes.dim}>
        {Math.floor(hover[0]) + 1} × {Math.floor(hover[1]) + 1}
      </span>
    </div>
  );
}
