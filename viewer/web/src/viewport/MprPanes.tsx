/** The three planes of a volume, with the lines where the others cut each. */

import { type PointerEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";

import type { Spot } from "./geometry";
import type { Vector, VoiWindow } from "./imageFacts";
import { type Cut, type MprShown, MprView, PLANES, type PlaneName } from "./mprView";
import classes from "./MprPanes.module.css";
import { type Mark, Marks } from "./Marks";
import { windowFigure } from "./numbers";
import { type MarkedVolume, marksOn, onPlane } from "./planeMarks";
import pane from "./StackPane.module.css";
import type { Matrix } from "./stackMatrix";
import { placeOn, type Tool } from "./usePaneTools";
import { dragged } from "./windows";

interface Props {
  imageIds: readonly string[]; // memoised
  point: Vector | null; // mm, to begin with
  window: VoiWindow; // to begin with
  tool: Tool;
  marked: MarkedVolume | null; // null: no marks to show
  onView: (view: MprView | null) => void;
}

const NEVER = () => () => undefined;
const NOTHING = () => null;

/** What the planes show now; null without them. */
export function useShownPlanes(view: MprView | null): MprShown | null {
  return useSyncExternalStore<MprShown | null>(view?.subscribe ?? NEVER, view?.now ?? NOTHING);
}

export function MprPanes({ imageIds, point, window, tool, marked, onView }: Props) {
  const { t } = useTranslation();
  const elements = useRef<Partial<Record<PlaneName, HTMLDivElement>>>({});
  const [view, setView] = useState<MprView | null>(null);
  const begin = useRef({ point, window });
  const shown = useShownPlanes(view);

  useEffect(() => {
    const { axial, coronal, sagittal } = elements.current;
    if (axial === undefined || coronal === undefined || sagittal === undefined) return;
    const made = new MprView({ axial, coronal, sagittal });
    setView(made);
    onView(made);
    void made.open(imageIds, begin.current.point, begin.current.window);
    const observer = new ResizeObserver(() => {
      made.resized();
    });
    observer.observe(axial);
    return () => {
      observer.disconnect();
      onView(null);
      setView(null);
      made.close();
    };
  }, [imageIds, onView]);

  const missing = imageIds.length - (shown?.loaded ?? 0);
  return (
    <div className={classes.planes} data-testid="planes">
      {PLANES.map((plane) => (
        <Plane
          key={plane}
          plane={plane}
          view={view}
          cut={shown?.cuts[plane] ?? null}
          marked={marked}
          slabMm={shown?.slabMm ?? 0}
          tool={tool}
          element={(made) => {
            if (made !== null) elements.current[plane] = made;
          }}
        />
      ))}
      {shown?.failed != null ? (
        <p className={pane.failed} role="alert">
          {t("viewer.no_volume")}
        </p>
      ) : (
        missing > 0 && (
          <p className={classes.progress} role="status">
            {t("viewer.volume_loading", { loaded: shown?.loaded ?? 0, total: imageIds.length })}
          </p>
        )
      )}
      {shown !== null && (
        <div className={`${pane.corner} ${pane.bottomLeft}`}>
          <span className={pane.dim} data-testid="window">
            {t("viewer.window_words", {
              center: windowFigure(shown.window.center, shown.window.width),
              width: windowFigure(shown.window.width, shown.window.width),
            })}
          </span>
        </div>
      )}
    </div>
  );
}

interface PlaneProps {
  plane: PlaneName;
  view: MprView | null;
  cut: Cut | null;
  marked: MarkedVolume | null;
  slabMm: number;
  tool: Tool;
  element: (made: HTMLDivElement | null) => void;
}

const WHEEL_STEP = 40;
const CLICK = 4; // px: less is a click and no drag
const GRIP = 9; // px from a line, within which it is taken hold of

interface Held {
  does: "cross" | "window" | "pan" | "zoom";
  x: number;
  y: number;
  moved: number; // px, all in all
}

/** What a drag does: on a line it moves the lines, elsewhere what the button is for. */
function doing(button: number, tool: Tool, [x, y]: Spot, crossing: Spot | null): Held["does"] {
  if (button === 1) return "pan";
  if (button === 2) return "zoom";
  if (tool === "pan" || tool === "zoom") return tool;
  const isOnLine =
    crossing !== null && (Math.abs(x - crossing[0]) < GRIP || Math.abs(y - crossing[1]) < GRIP);
  return isOnLine ? "cross" : "window";
}

function Plane({ plane, view, cut, marked, slabMm, tool, element }: PlaneProps) {
  const { t } = useTranslation();
  const surface = useRef<HTMLDivElement>(null);
  const held = useRef<Held | null>(null);
  useEffect(() => {
    const box = surface.current;
    if (box === null || view === null) return;
    let rest = 0;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      if (event.ctrlKey) {
        view.zoom(plane, Math.exp(-event.deltaY / 400));
        return;
      }
      rest += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_STEP;
      const steps = Math.trunc(rest / WHEEL_STEP);
      rest -= steps * WHEEL_STEP;
      if (steps !== 0) view.scroll(plane, steps);
    };
    box.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      box.removeEventListener("wheel", onWheel);
    };
  }, [plane, view]);

  const goTo = (event: PointerEvent<HTMLDivElement>) => {
    const point = view?.pointAt(plane, placeOn(event.currentTarget, event)) ?? null;
    if (point !== null && view?.holds(point) === true) view.goTo(point);
  };
  const onMove = (event: PointerEvent<HTMLDivElement>) => {
    const drag = held.current;
    if (drag === null || view === null) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    [drag.x, drag.y] = [event.clientX, event.clientY];
    drag.moved += Math.abs(dx) + Math.abs(dy);
    if (drag.does === "cross") goTo(event);
    else if (drag.does === "pan") view.pan(plane, dx, dy);
    else if (drag.does === "zoom") view.zoom(plane, Math.exp(-dy / 200));
    else {
      view.setWindow(dragged(view.now().window, dx, dy, view.isExact()));
    }
  };

  return (
    <section className={classes.plane} data-plane={plane} aria-label={t(`viewer.plane.${plane}`)}>
      <div
        ref={surface}
        className={pane.surface}
        data-drawn={cut?.drawn ?? 0}
        onPointerDown={(event) => {
          event.preventDefault();
          event.currentTarget.setPointerCapture(event.pointerId);
          const does = doing(event.button, tool, placeOn(event.currentTarget, event), cut?.crossing ?? null);
          held.current = { does, x: event.clientX, y: event.clientY, moved: 0 };
        }}
        onPointerMove={onMove}
        onPointerUp={(event) => {
          // A click looks there in all planes, whatever the tool.
          if (event.button === 0 && held.current !== null && held.current.moved < CLICK) goTo(event);
          held.current = null;
        }}
        onContextMenu={(event) => {
          event.preventDefault();
        }}
      >
        <div ref={element} className={pane.picture} />
        {cut?.crossing != null && (
          <svg className={pane.overlay}>
            {marked !== null && <PlaneMarks cut={cut} marked={marked} slabMm={slabMm} />}
            <Cross at={cut.crossing} plane={plane} />
          </svg>
        )}
        <div className={`${pane.corner} ${pane.topLeft}`}>
          <b className={classes.name} data-plane={plane}>
            {t(`viewer.plane.${plane}`)}
          </b>
        </div>
        {cut?.letters != null && (
          <div aria-hidden>
            <span className={`${pane.letter} ${pane.top}`}>{cut.letters.top}</span>
            <span className={`${pane.letter} ${pane.right}`}>{cut.letters.right}</span>
            <span className={`${pane.letter} ${pane.bottom}`}>{cut.letters.bottom}</span>
            <span className={`${pane.letter} ${pane.left}`}>{cut.letters.left}</span>
          </div>
        )}
      </div>
    </section>
  );
}

/** What is marked, on this plane: its outline, or the range of its slices seen from beside. */
function PlaneMarks({ cut, marked, slabMm }: { cut: Cut; marked: MarkedVolume; slabMm: number }) {
  const { cutting, projection } = cut;
  if (cutting === null || projection === null) return null;
  const marks = marksOn(marked, cutting, slabMm).map(({ mark, isRange, corners }, at): Mark => ({
    ...mark,
    key: `${at}`,
    sure: isRange ? "" : mark.sure, // that is said of one slice
    polygon: corners.map((corner) => onPlane(projection, corner)),
  }));
  return <Marks marks={marks} matrix={AS_PLACED} />;
}

const AS_PLACED: Matrix = { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 };

const GAP = 14; // px around the point that stay free, so that the lines hide nothing there

const UPRIGHT: Record<PlaneName, PlaneName> = { axial: "sagittal", coronal: "sagittal", sagittal: "coronal" };
const LEVEL: Record<PlaneName, PlaneName> = { axial: "coronal", coronal: "axial", sagittal: "axial" };

/** Where the two other planes cut this one, each line in its plane's colour. */
function Cross({ at: [x, y], plane }: { at: readonly [number, number]; plane: PlaneName }) {
  return (
    <g className={classes.cross} aria-hidden>
      <line data-plane={UPRIGHT[plane]} x1={x} x2={x} y1={0} y2={y - GAP} />
      <line data-plane={UPRIGHT[plane]} x1={x} x2={x} y1={y + GAP} y2={9999} />
      <line data-plane={LEVEL[plane]} x1={0} x2={x - GAP} y1={y} y2={y} />
      <line data-plane={LEVEL[plane]} x1={x + GAP} x2={9999} y1={y} y2={y} />
    </g>
  );
}
