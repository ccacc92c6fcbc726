/** One pane: a stack of frames, what is drawn on it, and what is said about it at its edges. */

import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";

import { SliceTrack } from "../SliceTrack";
import { Captions, type PaneTitle } from "./Captions";
import { DrawLayer } from "./DrawLayer";
import { cut, type Spot } from "./geometry";
import type { ImageFacts, VoiWindow } from "./imageFacts";
import { type Mark, Marks } from "./Marks";
import type { Measurement, MeasurementKind } from "./measure";
import { Measurements } from "./Measurements";
import { type FrameRef, imageIdOf } from "./source";
import classes from "./StackPane.module.css";
import { type Matrix, onPane } from "./stackMatrix";
import { type Shown, StackView } from "./stackView";
import { isMoving, placeOn, type Tool, usePaneTools } from "./usePaneTools";

export interface MeasurementBook {
  all: readonly Measurement[];
  chosen: number | null;
  add: (imageId: string, kind: MeasurementKind, spots: readonly Spot[]) => void;
  move: (id: number, at: number, to: Spot) => void;
  choose: (id: number) => void;
}

interface Props {
  title: PaneTitle;
  frames: readonly FrameRef[]; // memoised: a new array is another stack
  first: number; // index of the frame to begin with
  window: VoiWindow | null; // to begin with; null: as the images say
  tool: Tool;
  active: boolean; // whether keys are for this pane
  marksOf: (frame: FrameRef) => readonly Mark[];
  marked: readonly number[]; // indices with marks, for the strip
  scores: readonly (number | null)[];
  other: ImageFacts | null; // the image in the other pane, whose plane is drawn here as a line
  book: MeasurementBook;
  onActivate: () => void;
  onView: (view: StackView | null) => void;
  onDrawn: (frame: FrameRef, polygon: Spot[]) => void;
}

export function StackPane(props: Props) {
  const { frames, first, window, onView } = props;
  const element = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<StackView | null>(null);
  const begin = useRef({ first, window });
  useEffect(() => {
    begin.current = { first, window };
  });

  useEffect(() => {
    if (element.current === null) return;
    const made = new StackView(element.current);
    setView(made);
    onView(made);
    const observer = new ResizeObserver(() => {
      made.resized();
    });
    observer.observe(element.current);
    return () => {
      observer.disconnect();
      onView(null);
      setView(null);
      made.close();
    };
  }, [onView]);

  useEffect(() => {
    if (view === null || frames.length === 0) return;
    void view.open(frames.map(imageIdOf), begin.current.first, begin.current.window);
  }, [view, frames]);

  return (
    <section
      className={classes.pane}
      aria-label={props.title.words}
      data-active={props.active}
      data-testid="pane"
      onPointerDownCapture={props.onActivate}
    >
      <Surface {...props} element={element} view={view} />
    </section>
  );
}

const NEVER = () => () => undefined;
const NOTHING = () => null;

/** What a view shows now; null without one. */
export function useShown(view: StackView | null): Shown | null {
  return useSyncExternalStore<Shown | null>(view?.subscribe ?? NEVER, view?.now ?? NOTHING);
}

interface SurfaceProps extends Props {
  element: React.RefObject<HTMLDivElement | null>;
  view: StackView | null;
}

function Surface(props: SurfaceProps) {
  const { frames, view, tool, marked, scores, element } = props;
  const { t } = useTranslation();
  const surface = useRef<HTMLDivElement>(null);
  const pointer = usePaneTools(surface, view, tool);
  const [hover, setHover] = useState<Spot | null>(null);
  const shown = useShown(view);
  const onIndex = useCallback((index: number) => view?.show(index), [view]);
  const wanted = shown?.wanted ?? 0;
  return (
    <>
      <div
        ref={surface}
        className={classes.surface}
        data-tool={tool}
        data-testid="surface"
        data-shown={shown?.index ?? -1}
        data-drawn={shown?.drawn ?? 0}
        {...pointer}
        onPointerMove={(event) => {
          pointer.onPointerMove(event);
          setHover(view?.toImage(placeOn(event.currentTarget, event)) ?? null);
        }}
        onPointerLeave={() => {
          setHover(null);
        }}
        onDoubleClick={() => view?.fit()}
      >
        <div ref={element} className={classes.picture} />
        {shown?.facts != null && shown.matrix !== null && view !== null && (
          <Overlay {...props} view={view} facts={shown.facts} matrix={shown.matrix} index={shown.index} surface={surface} />
        )}
        {shown !== null && (
          <Captions title={props.title} shown={shown} count={frames.length} hover={hover} values={view?.values() ?? null} />
        )}
        {shown?.failed != null ? (
          <p className={classes.failed} role="alert">
            {t("image.cannot_be_shown")}
          </p>
        ) : (
          shown?.index === -1 && <p className={classes.waiting}>{t("app.loading")}</p>
        )}
      </div>
      {frames.length > 1 && (
        <SliceTrack count={frames.length} index={wanted} marked={marked} scores={scores} onIndex={onIndex} />
      )}
    </>
  );
}

interface OverlayProps extends SurfaceProps {
  view: StackView;
  facts: ImageFacts;
  matrix: Matrix;
  index: number;
  surface: React.RefObject<HTMLDivElement | null>;
}

function Overlay(props: OverlayProps) {
  const { view, facts, matrix, index, frames, tool, marksOf, other, book, surface } = props;
  const frame = frames[index];
  const imageId = frame === undefined ? "" : imageIdOf(frame);
  const marks = useMemo(() => (frame === undefined ? [] : marksOf(frame)), [frame, marksOf]);
  if (frame === undefined) return null;
  const shared = { view, facts, matrix, surface };
  const line = other === null ? null : cut(other, facts);
  return (
    <svg className={classes.overlay}>
      {line !== null && <ReferenceLine line={line} matrix={matrix} />}
      <Marks marks={marks} matrix={matrix} />
      {!isMoving(tool) && (
        <DrawLayer
          key={`${tool} ${imageId}`}
          tool={tool}
          {...shared}
          onMeasured={(kind, spots) => {
            book.add(imageId, kind, spots);
          }}
          onDrawn={(polygon) => {
            props.onDrawn(frame, polygon);
          }}
        />
      )}
      <Measurements
        {...shared}
        measurements={book.all.filter((one) => one.imageId === imageId)}
        chosen={book.chosen}
        onChoose={book.choose}
        onMove={book.move}
      />
    </svg>
  );
}

function ReferenceLine({ line: [from, to], matrix }: { line: readonly [Spot, Spot]; matrix: Matrix }) {
  const [x1, y1] = onPane(matrix, from);
  const [x2, y2] = onPane(matrix, to);
  return <line className={classes.reference} x1={x1} y1={y1} x2={x2} y2={y2} data-testid="reference" />;
}
