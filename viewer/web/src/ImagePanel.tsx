import { useElementSize, useHotkeys } from "@mantine/hooks";
import { IconEye, IconEyeOff } from "@tabler/icons-react";
import { useMemo, useRef, useState, type WheelEvent } from "react";
import { useTranslation } from "react-i18next";

import type { Evidence, Region, Series } from "./api";
import { frameScores, regionLabel } from "./evidence";
import {
  firstFrame,
  firstPreset,
  type Frame,
  framesOf,
  isOn,
  markedFrames,
  presetsFor,
} from "./frames";
import classes from "./ImagePanel.module.css";
import { t as say } from "./language";
import { SliceTrack } from "./SliceTrack";
import { useFramePicture } from "./useFramePicture";
import { fit, useZoom } from "./useZoom";
import { ranges } from "./words";

interface Props {
  studyInstanceUid: string;
  series: Series;
  regions: Region[]; // of the whole study
  evidence: Evidence[];
  jump: { index: number } | null; // a slice asked for from outside; a new object each time
}

/** One series: a frame, the suspect regions on it, and the way through the others. */
export function ImagePanel({ studyInstanceUid, series, regions, evidence, jump }: Props) {
  const { t } = useTranslation();
  const frames = useMemo(() => framesOf(series), [series]);
  const scores = useMemo(() => frameScores(frames, evidence), [frames, evidence]);
  const marked = useMemo(() => markedFrames(frames, regions), [frames, regions]);
  const [index, setIndex] = useState(() => jump?.index ?? firstFrame(frames, regions));
  const [jumped, setJumped] = useState(jump);
  if (jump !== jumped) {
    setJumped(jump);
    if (jump !== null) setIndex(jump.index);
  }
  const [preset, setPreset] = useState(() => firstPreset(series.modality, series.body_part));
  const [marksShown, setMarksShown] = useState(true);
  const presets = presetsFor(series.modality);
  const at = Math.min(index, frames.length - 1);
  const frame = frames[at];
  const step = (by: number) => {
    setIndex((before) => Math.max(0, Math.min(frames.length - 1, before + by)));
  };

  useHotkeys([
    ["M", () => { setMarksShown((shown) => !shown); }],
    ["ArrowDown", () => { step(1); }],
    ["ArrowUp", () => { step(-1); }],
    ["PageDown", () => { step(10); }],
    ["PageUp", () => { step(-10); }],
    ["Home", () => { setIndex(0); }],
    ["End", () => { setIndex(frames.length - 1); }],
    ...presets.map(
      (one, number): [string, () => void] => [`${number + 1}`, () => { setPreset(one); }],
    ),
  ], ["TEXTAREA", "SELECT"]);

  if (frame === undefined) return null;
  const here = regions.filter((region) => isOn(region, frame));
  return (
    <div className={classes.panel}>
      <div className={classes.tools}>
        {presets.length > 1 && (
          <div role="group" aria-label={t("image.window")} className={classes.presets}>
            {presets.map((one, number) => (
              <button
                key={one.name}
                type="button"
                aria-pressed={one === preset}
                onClick={() => { setPreset(one); }}
              >
                {t(`image.window_name.${one.name}`)}
                <kbd>{number + 1}</kbd>
              </button>
            ))}
          </div>
        )}
        <button
          type="button"
          className={classes.marks}
          aria-pressed={marksShown}
          onClick={() => { setMarksShown(!marksShown); }}
        >
          {marksShown ? <IconEye size={15} aria-hidden /> : <IconEyeOff size={15} aria-hidden />}
          {marksShown ? t("image.marks_shown") : t("image.marks_hidden")}
          <kbd>M</kbd>
        </button>
        <span className={classes.summary}>{markSummary(marked, frames.length)}</span>
      </div>
      <div className={classes.stage}>
        <Stage
          studyInstanceUid={studyInstanceUid}
          frames={frames}
          index={at}
          window={preset.window}
          regions={marksShown ? here : []}
          onStep={step}
        />
        {frames.length > 1 && (
          <SliceTrack
            count={frames.length}
            index={at}
            marked={marksShown ? marked : []}
            scores={marksShown ? scores : []}
            onIndex={setIndex}
          />
        )}
        <div className={classes.caption}>
          {frames.length > 1
            ? t("image.slice_of", { slice: at + 1, slices: frames.length })
            : `${series.modality} ${series.description}`}
          {preset.window !== null && (
            <span>
              {t("image.values", { center: preset.window[0], width: preset.window[1] })}
            </span>
          )}
        </div>
      </div>
    </div>
  );
}

function markSummary(marked: readonly number[], count: number): string {
  if (marked.length === 0) return say("image.no_marks");
  if (count === 1) return say("image.marked");
  return say("image.marked_slices", { slices: ranges(marked.map((index) => index + 1)) });
}

interface StageProps {
  studyInstanceUid: string;
  frames: readonly Frame[];
  index: number;
  window: readonly [number, number] | null;
  regions: Region[];
  onStep: (by: number) => void;
}

const WHEEL_STEP = 40; // px of wheel for one slice; a touchpad sends many small ones

function Stage({ studyInstanceUid, frames, index, window, regions, onStep }: StageProps) {
  const { t } = useTranslation();
  const { ref, width, height } = useElementSize<HTMLDivElement>();
  const zoom = useZoom();
  const wheel = useRef(0);
  const frame = frames[index];
  const box = fit(frame?.columns ?? 1, frame?.rows ?? 1, width, height);
  const viewport = viewportFor(frame, box.width * zoom.scale);
  const picture = useFramePicture(studyInstanceUid, frames, index, window, viewport);

  const onWheel = (event: WheelEvent) => {
    if (event.ctrlKey || frames.length === 1) {
      zoom.by(Math.exp(-event.deltaY / 400));
      return;
    }
    wheel.current += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_STEP;
    const steps = Math.trunc(wheel.current / WHEEL_STEP);
    if (steps === 0) return;
    wheel.current -= steps * WHEEL_STEP;
    onStep(steps);
  };

  if (frame === undefined) return null;
  return (
    <div
      ref={ref}
      className={classes.view}
      onWheel={onWheel}
      onDoubleClick={zoom.reset}
      {...zoom.drag}
    >
      <div
        className={classes.picture}
        style={{
          // Sized, not scaled: outlines and words keep their width on the screen.
          width: box.width * zoom.scale,
          height: box.height * zoom.scale,
          transform: `translate(${zoom.x}px, ${zoom.y}px)`,
        }}
      >
        {picture.shown !== null && <img src={picture.shown} alt="" draggable={false} />}
        <Marks
          frame={frame}
          regions={regions}
          pixelsPerColumn={(box.width * zoom.scale) / frame.columns}
        />
      </div>
      {picture.failed === picture.wanted && picture.wanted !== null && (
        <p className={classes.failed} role="alert">
          {t("image.cannot_be_shown")}
        </p>
      )}
    </div>
  );
}

interface MarksProps {
  frame: Frame;
  regions: Region[];
  pixelsPerColumn: number; // of the screen, for each column of the image
}

/** Outlines in the image's own pixel grid, whatever size it is shown at. */
function Marks({ frame, regions, pixelsPerColumn }: MarksProps) {
  const { t } = useTranslation();
  const unit = pixelsPerColumn > 0 ? 1 / pixelsPerColumn : 1; // one pixel of the screen
  return (
    <svg
      className={classes.overlay}
      viewBox={`0 0 ${frame.columns} ${frame.rows}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={t("image.marks_here", { count: regions.length })}
      data-testid="marks"
    >
      {regions.map((region, number) => (
        <g key={number}>
          <polygon className={classes.under} points={points(region)} />
          <polygon className={classes.outline} points={points(region)} />
          <text
            className={classes.label}
            x={Math.min(...region.polygon.map(([column]) => column))}
            y={Math.min(...region.polygon.map(([, row]) => row)) - 6 * unit}
            fontSize={13 * unit}
          >
            {regionLabel(region)}
          </text>
        </g>
      ))}
    </svg>
  );
}

function points(region: Region): string {
  return region.polygon.map((point) => point.join(",")).join(" ");
}

/** Ask for no more pixels than are shown, in steps, so that a resize rarely asks anew. */
function viewportFor(frame: Frame | undefined, shownWidth: number): [number, number] | null {
  if (frame === undefined || shownWidth === 0) return null;
  const wanted = Math.ceil((shownWidth * window.devicePixelRatio) / 512) * 512;
  if (wanted >= frame.columns) return null;
  return [wanted, Math.ceil((wanted * frame.rows) / frame.columns)];
}
