/** Windows with their number keys, whether marks are shown, and the way through them. */

import { IconChevronLeft, IconChevronRight, IconEye, IconEyeOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { ranges } from "../words";
import classes from "./PresetBar.module.css";
import { RATES } from "./useCine";
import type { VoiWindow } from "./imageFacts";
import { CT_PRESETS, presetOf } from "./windows";

interface Props {
  isCt: boolean;
  window: VoiWindow | null;
  asSent: boolean;
  onWindow: (window: VoiWindow | null) => void;
  marksShown: boolean;
  onMarks: () => void;
  marked: readonly number[]; // of the series shown
  count: number; // of its frames
  stops: number; // places marked in the whole study
  onStop: (by: 1 | -1) => void;
  rate: number | null; // of the cine that runs
  onRate: (rate: number) => void;
  slabMm: number | null; // null: not in planes
  onSlab: (slabMm: number) => void;
}

const NEXT_KEY = "N";
const SLABS = [0, 5, 10, 20];

export function PresetBar(props: Props) {
  const { t } = useTranslation();
  const { isCt, window, asSent, onWindow, marksShown, marked, count, stops, rate, slabMm } = props;
  const preset = window === null || asSent ? null : presetOf(window);
  const Eye = marksShown ? IconEye : IconEyeOff;
  return (
    <div className={classes.bar}>
      {isCt && (
        <div role="group" aria-label={t("image.window")} className={classes.presets}>
          {CT_PRESETS.map((one, at) => (
            <button key={one.name} type="button" aria-pressed={one.name === preset} onClick={() => { onWindow(one); }}>
              {t(`viewer.preset.${one.name}`)}
              <kbd>{at + 1}</kbd>
            </button>
          ))}
          <button type="button" aria-pressed={asSent} onClick={() => { onWindow(null); }}>
            {t("viewer.as_sent")}
            <kbd>0</kbd>
          </button>
        </div>
      )}
      {slabMm !== null && (
        <div role="group" aria-label={t("viewer.slab")} className={classes.presets}>
          {SLABS.map((mm) => (
            <button key={mm} type="button" aria-pressed={mm === slabMm} onClick={() => { props.onSlab(mm); }}>
              {mm === 0 ? t("viewer.one_slice") : t("viewer.slab_mm", { mm })}
            </button>
          ))}
        </div>
      )}
      {rate !== null && (
        <label className={classes.rate}>
          {t("viewer.rate", { rate })}
          <input
            type="range"
            min={RATES.lowest}
            max={RATES.highest}
            value={rate}
            onChange={(event) => {
              props.onRate(event.currentTarget.valueAsNumber);
            }}
          />
        </label>
      )}
      <button type="button" className={classes.marks} aria-pressed={marksShown} onClick={props.onMarks}>
        <Eye size={15} aria-hidden />
        {marksShown ? t("image.marks_shown") : t("image.marks_hidden")}
        <kbd>M</kbd>
      </button>
      {stops > 0 && (
        <span className={classes.stops}>
          <button type="button" aria-label={t("viewer.previous_mark")} onClick={() => { props.onStop(-1); }}>
            <IconChevronLeft size={15} aria-hidden />
          </button>
          <button type="button" aria-label={t("viewer.next_mark")} onClick={() => { props.onStop(1); }}>
            <IconChevronRight size={15} aria-hidden />
            <kbd>{NEXT_KEY}</kbd>
          </button>
        </span>
      )}
      <span className={classes.summary}>
        {slabMm === null && <Summary marked={marked} count={count} />}
      </span>
    </div>
  );
}

function Summary({ marked, count }: { marked: readonly number[]; count: number }) {
  const { t } = useTranslation();
  if (marked.length === 0) return t("image.no_marks");
  if (count === 1) return t("image.marked");
  return t("image.marked_slices", { slices: ranges(marked.map((index) => index + 1)) });
}
