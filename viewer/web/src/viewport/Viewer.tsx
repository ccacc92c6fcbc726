/** The pictures of a study: panes side by side or three planes, their tools and keys. */

import { type Ref, useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Series, Study } from "../api";
import { frameScores } from "../evidence";
import { framesOf, markedFrames } from "../frames";
import { t as say } from "../language";
import { findingWords, type Priors, usePriors } from "../reading/reading";
import { calendarDay } from "../words";
import { forgetImages } from "./cornerstone";
import { DrawnDialog, type PendingDrawing } from "./DrawnDialog";
import { type Stop, stopsOf } from "./findings";
import type { VoiWindow } from "./imageFacts";
import { KeysHelp } from "./KeysHelp";
import { type KeyAct, useKeys } from "./keys";
import { MprPanes, useShownPlanes } from "./MprPanes";
import type { MprView } from "./mprView";
import { framesIn, openingWindow, type PaneContent } from "./panes";
import { PresetBar } from "./PresetBar";
import { SeriesStrip } from "./SeriesStrip";
import type { FrameRef } from "./source";
import { type MeasurementBook, StackPane, useShown } from "./StackPane";
import type { Shown, StackView } from "./stackView";
import { Toolbar } from "./Toolbar";
import { rateOf, useCine } from "./useCine";
import { isLinked } from "./linking";
import { useGoing, type ViewerHandle } from "./useGoing";
import { useLinking } from "./useLinking";
import { useMarkedVolume } from "./useMarkedVolume";
import { useMarks } from "./useMarks";
import { useMeasurements } from "./useMeasurements";
import { isDrawing, type Tool } from "./usePaneTools";
import { type Panes, type Side, usePanes } from "./usePanes";
import { useVolume } from "./useVolume";
import classes from "./Viewer.module.css";
import { useViewerKeys } from "./viewerKeys";
import { CT_PRESETS } from "./windows";

export interface ViewerProps {
  study: Study;
  ref: Ref<ViewerHandle>;
  canDraw: boolean;
  wide: boolean;
  moreKeys: readonly KeyAct[]; // of the rest of the page, for the help
  onWide: () => void;
  onDrawn: (drawing: PendingDrawing, target: string) => void;
}

export default function Viewer({ ref, ...props }: ViewerProps) {
  const { study } = props;
  const { t } = useTranslation();
  useEffect(() => forgetImages, []);
  const panes = usePanes(study);
  const going = useRef<((stop: Stop) => void) | null>(null); // the room's way to a place
  useImperativeHandle(ref, () => ({ go: (stop) => going.current?.(stop) }), []);
  const priors = usePriors(study.row.study_instance_uid, study.reading !== undefined);
  if (panes.first === null) return <p className={classes.none}>{t("study.no_images")}</p>;
  return <Room {...props} panes={panes} priors={priors} onGoing={(go) => { going.current = go; }} />;
}

interface Open {
  study: Study;
  series: Series;
  seriesAt: number;
  frames: readonly FrameRef[];
}

/** The series in a pane, with its frames; null while its study is not here. */
function useOpen(study: Study, other: Study | undefined, content: PaneContent | null): Open | null {
  const of = content?.studyInstanceUid === study.row.study_instance_uid ? study : other;
  const seriesAt =
    of?.series.findIndex((one) => one.series_instance_uid === content?.seriesInstanceUid) ?? -1;
  const series = of?.series[seriesAt];
  const uid = of?.row.study_instance_uid ?? "";
  // Of the series alone: that something else of the study changed opens no stack anew.
  const frames = useMemo(() => (series === undefined ? NO_FRAMES : framesIn(uid, series)), [uid, series]);
  return of === undefined || series === undefined ? null : { study: of, series, seriesAt, frames };
}

interface RoomProps extends Omit<ViewerProps, "ref"> {
  panes: Panes;
  priors: Priors;
  onGoing: (go: (stop: Stop) => void) => void;
}

function Room(props: RoomProps) {
  const { study, panes, priors, wide, canDraw } = props;
  const { t } = useTranslation();
  const [tool, setTool] = useState<Tool>("window");
  const [marksShown, setMarksShown] = useState(true);
  const [rate, setRate] = useState<number | null>(null);
  const [helpShown, setHelpShown] = useState(false);
  const [pending, setPending] = useState<PendingDrawing | null>(null);
  const [mpr, setMpr] = useState<MprView | null>(null);
  const opens = [useOpen(study, panes.other, panes.first), useOpen(study, panes.other, panes.second)] as const;
  const { layout, active, views } = panes;
  const planes = useShownPlanes(mpr);
  const view = active === 0 ? views.first : views.second;
  const open = opens[layout === "two" ? active : 0];
  const shownFirst = useShown(views.first);
  const shownSecond = useShown(views.second);
  const shown = active === 0 ? shownFirst : shownSecond;
  const book = useMeasurements(useDropTool(setTool));
  const volume = useVolume(opens[0]?.frames ?? NO_FRAMES, shownFirst?.facts != null);
  const isMpr = layout === "mpr" && volume.isVolume; // images that come may make it none
  const marksOf = useMarks(study, marksShown, null);
  const markedIn = useMarkedVolume(opens[0]?.frames ?? NO_FRAMES, marksOf, isMpr);
  const stops = useMemo(() => stopsOf(study.series, study.regions), [study.series, study.regions]);
  const marked = useMemo(
    () => (open === null ? [] : markedFrames(framesOf(open.series), marksShown ? study.regions : [])),
    [open, marksShown, study.regions],
  );
  useCine(isMpr ? null : view, rate);
  const linking = useLinking(
    { view: views.first, frames: opens[0]?.frames ?? NO_FRAMES },
    { view: views.second, frames: opens[1]?.frames ?? NO_FRAMES },
    layout === "two",
  );

  const isCt = open?.series.modality === "CT";
  const setWindow = (window: VoiWindow | null) => {
    if (isMpr) mpr?.setWindow(window ?? opening(open));
    else view?.setWindow(window);
  };
  const goToStop = useGoing(
    props.onGoing,
    {
      seriesAt: opens[0]?.seriesAt ?? 0,
      frames: opens[0]?.frames ?? NO_FRAMES,
      index: shownFirst?.wanted ?? 0,
      planes: isMpr ? mpr : null,
      marksOf,
      show: panes.showFirst,
    },
    marksShown ? stops : [],
  );
  const toggleCine = () => {
    setRate((before) => (before === null ? rateOf(shown?.facts?.frameTimeMs ?? null) : null));
  };
  const act = {
    step: (by: number) => { if (isMpr) mpr?.scroll("axial", by); else view?.scroll(by); },
    end: (which: "first" | "last") => view?.show(which === "first" ? 0 : view.count - 1),
    tool: setTool,
    preset: (at: number | null) => { setWindow(at === null ? null : (CT_PRESETS[at] ?? null)); },
    zoom: (factor: number) => view?.zoom(factor),
    rotate: () => view?.rotate(),
    flipHorizontal: () => view?.flip("flipHorizontal"),
    flipVertical: () => view?.flip("flipVertical"),
    invert: () => view?.invert(),
    reset: () => { if (isMpr) mpr?.reset(opening(open)); else view?.reset(open === null ? null : openingWindow(open.series)); },
    erase: book.remove,
    cine: toggleCine,
    two: panes.compare,
    link: linking.toggle,
    mpr: () => { if (isMpr) panes.setLayout("one"); else if (volume.isVolume) panes.setLayout("mpr"); },
    wide: props.onWide,
    help: () => { setHelpShown(true); },
    marks: () => { setMarksShown(!marksShown); },
    stop: goToStop,
    pane: () => { if (layout === "two") panes.setActive(active === 0 ? 1 : 0); },
    drop: () => { if (pending !== null) setPending(null); else setTool("window"); },
  };
  const isIdle = tool === "window" && pending === null;
  const keys = useViewerKeys(act, { draw: canDraw, isCt });
  // Where there is nothing to put down, Escape is the page's: it leads back to the list.
  useKeys(isIdle ? keys.filter((one) => !one.keys.includes("Escape")) : keys);

  const inPane = (side: Side) => {
    const one = opens[side];
    if (one === null) return <div key={side} className={classes.empty}>{t("app.loading")}</div>;
    return (
      <Pane
        key={side}
        side={side}
        open={one}
        current={study}
        panes={panes}
        priors={priors}
        marksShown={marksShown}
        pending={pending}
        tool={tool}
        book={book}
        other={layout === "two" ? ((side === 0 ? shownSecond : shownFirst) ?? null) : null}
        onDrawn={(frame, polygon) => {
          setPending({ frame, polygon });
          setTool("window");
        }}
      />
    );
  };
  return (
    <div className={classes.viewer}>
      <Toolbar
        tool={tool}
        onTool={setTool}
        can={{
          draw: canDraw && open?.study === study,
          mpr: volume.isVolume,
          measure: book.all.length > 0,
          cine: (open?.frames.length ?? 0) > 1,
          link: linking.state !== null,
        }}
        state={{ layout, inverted: shown?.inverted ?? false, cine: rate !== null, linked: isLinked(linking.state), wide }}
        act={act}
      />
      <div className={classes.main}>
        {open !== null && (
          <SeriesStrip
            study={open.study}
            when={dayOf(open.study, study, priors)}
            open={open.series.series_instance_uid}
            priors={priors}
            onSeries={(at) => { panes.openSeries(open.study, at); }}
            onPrior={(prior) => { panes.openPrior(prior.study_instance_uid); }}
          />
        )}
        <PresetBar
          isCt={isCt}
          window={isMpr ? (planes?.window ?? null) : (shown?.window ?? null)}
          asSent={!isMpr && (shown?.asSent ?? false)}
          onWindow={setWindow}
          marksShown={marksShown}
          onMarks={act.marks}
          marked={marked}
          count={open?.frames.length ?? 0}
          stops={marksShown ? stops.length : 0}
          onStop={goToStop}
          rate={rate}
          onRate={setRate}
          slabMm={isMpr ? (planes?.slabMm ?? 0) : null}
          onSlab={(slabMm) => mpr?.setSlab(slabMm)}
        />
        {linking.state !== null && (
          <p className={classes.link} role="status" data-testid="link" data-state={linking.state}>
            {t(`viewer.link_state.${linking.state}`)}
          </p>
        )}
        <div className={classes.panes} data-layout={layout}>
          {isMpr ? (
            <MprPanes
              imageIds={volume.imageIds}
              point={volume.pointOf(shownFirst)}
              window={shownFirst?.window ?? opening(open)}
              tool={tool}
              marked={markedIn}
              onView={setMpr}
            />
          ) : (
            <>
              {inPane(0)}
              {layout === "two" && inPane(1)}
            </>
          )}
          {pending !== null && (
            <DrawnDialog
              targets={targetsOf(study)}
              onKeep={(target) => {
                props.onDrawn(pending, target);
                setPending(null);
              }}
              onDrop={() => { setPending(null); }}
            />
          )}
        </div>
      </div>
      <KeysHelp opened={helpShown} acts={[...keys, ...props.moreKeys]} onClose={() => { setHelpShown(false); }} />
    </div>
  );
}

const NO_FRAMES: readonly FrameRef[] = [];

function opening(open: Open | null): VoiWindow {
  return (open === null ? null : openingWindow(open.series)) ?? { center: 50, width: 350 };
}

/** After a measurement the pointer is for the window again: a measurement more is one key. */
function useDropTool(setTool: (tool: Tool) => void): () => void {
  return useCallback(() => {
    setTool("window");
  }, [setTool]);
}

/** The day of an earlier study, in words where it has none; empty: the one being read. */
function dayOf(shown: Study, current: Study, priors: Priors): string {
  if (shown === current) return "";
  const prior = priors.studies.find((one) => one.study_instance_uid === shown.row.study_instance_uid);
  return prior?.study_date == null ? say("viewer.no_date") : calendarDay(prior.study_date);
}

/** What can have been missed: what the study's detectors look for, the likely ones first. */
function targetsOf(study: Study): { target: string; words: string }[] {
  const likely = [...(study.reading?.targets ?? []), ...(study.reading?.open_targets ?? [])];
  const all = [...likely, ...study.row.detectors.map(({ target }) => target)];
  return [...new Set(all)].map((target) => ({ target, words: findingWords(study, target) }));
}

interface PaneProps {
  side: Side;
  open: Open;
  current: Study;
  panes: Panes;
  priors: Priors;
  marksShown: boolean;
  pending: PendingDrawing | null;
  tool: Tool;
  book: MeasurementBook;
  other: Shown | null;
  onDrawn: (frame: FrameRef, polygon: PendingDrawing["polygon"]) => void;
}

function Pane({ side, open, current, panes, priors, marksShown, pending, tool, book, other, onDrawn }: PaneProps) {
  const { series, frames } = open;
  const { t } = useTranslation();
  const marksOf = useMarks(current, marksShown, pending);
  const content = side === 0 ? panes.first : panes.second;
  const isCurrent = open.study === current;
  const own = useMemo(() => framesOf(series), [series]);
  const marked = useMemo(() => markedFrames(own, current.regions), [own, current.regions]);
  const scores = useMemo(() => frameScores(own, current.evidence), [own, current.evidence]);
  const onView: (view: StackView | null) => void = side === 0 ? panes.views.setFirst : panes.views.setSecond;
  const description = series.description === "" ? t("study.no_description") : series.description;
  return (
    <StackPane
      title={{ words: `${series.modality} ${description}`, when: dayOf(open.study, current, priors) }}
      frames={frames}
      first={content?.first ?? 0}
      window={openingWindow(series)}
      tool={isDrawing(tool) && !isCurrent ? "window" : tool}
      active={panes.layout === "two" && panes.active === side}
      marksOf={marksOf}
      marked={isCurrent && marksShown ? marked : []}
      scores={isCurrent && marksShown ? scores : []}
      other={other?.facts ?? null}
      book={book}
      onActivate={() => { panes.setActive(side); }}
      onView={onView}
      onDrawn={onDrawn}
    />
  );
}
