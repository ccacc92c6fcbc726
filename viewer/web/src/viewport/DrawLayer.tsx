/** Drawing on an image: a measurement set place by place, or the outline of something missed. */

import { type PointerEvent, type RefObject, useState } from "react";

import { areaOf, ellipse, inside, reduced, type Spot, thinned } from "./geometry";
import type { ImageFacts } from "./imageFacts";
import { type MeasurementKind, SPOTS } from "./measure";
import classes from "./StackPane.module.css";
import { type Matrix, onPane } from "./stackMatrix";
import type { StackView } from "./stackView";
import { isDrawing, placeOn, type Tool } from "./usePaneTools";

interface Props {
  tool: Exclude<Tool, "window" | "scroll" | "pan" | "zoom">;
  facts: ImageFacts;
  matrix: Matrix;
  view: StackView;
  surface: RefObject<HTMLDivElement | null>;
  onMeasured: (kind: MeasurementKind, spots: readonly Spot[]) => void;
  onDrawn: (polygon: Spot[]) => void;
}

const APART = 1.5; // px of the image between the corners of an outline drawn by hand
const MOST_POINTS = 400; // the node takes 500
const SMALLEST = 4; // px² of the image: less is a slip of the hand
const CLICK = 4; // px of the screen: less is a click and no drag

const ELLIPSE_CORNERS = 48;

/** Over the picture while one draws; the left button is its own. */
export function DrawLayer({ tool, facts, matrix, view, surface, onMeasured, onDrawn }: Props) {
  const [spots, setSpots] = useState<readonly Spot[]>([]);
  const [grip, setGrip] = useState<Spot | null>(null); // px, where the button went down
  const at = (event: PointerEvent): Spot | null =>
    surface.current === null ? null : view.toImage(placeOn(surface.current, event));

  const finish = (all: readonly Spot[]) => {
    setSpots([]);
    setGrip(null);
    if (!isDrawing(tool)) {
      onMeasured(tool, all);
      return;
    }
    const outline = tool === "draw" ? reduced(all, MOST_POINTS) : boxEllipse(all, ELLIPSE_CORNERS);
    if (areaOf(outline) >= SMALLEST) onDrawn(inside(outline, facts));
  };
  const onDown = (event: PointerEvent<SVGRectElement>) => {
    const spot = at(event);
    if (event.button !== 0 || spot === null) return;
    event.stopPropagation();
    event.currentTarget.setPointerCapture(event.pointerId);
    setGrip([event.clientX, event.clientY]);
    if (tool === "value") finish([spot]);
    else if (tool === "draw" || spots.length === 0) setSpots(tool === "draw" ? [spot] : [spot, spot]);
    else setSpots([...spots.slice(0, -1), spot]);
  };
  const onMove = (event: PointerEvent) => {
    const spot = at(event);
    if (spot === null || spots.length === 0) return;
    if (tool !== "draw") setSpots([...spots.slice(0, -1), spot]);
    else if (grip !== null) setSpots(thinned([...spots, spot], APART));
  };
  const onUp = (event: PointerEvent) => {
    const wasClick =
      grip !== null && Math.hypot(event.clientX - grip[0], event.clientY - grip[1]) < CLICK;
    setGrip(null);
    if (spots.length === 0) return;
    if (tool === "draw") finish(spots);
    // A click sets one place and lets the next follow the pointer; a drag sets both.
    else if (wasClick && spots.length === 2 && !isPlaced(spots)) return;
    else if (spots.length === (tool === "draw_ellipse" ? 2 : SPOTS[tool])) finish(spots);
    else setSpots([...spots, spots.at(-1) ?? [0, 0]]);
  };

  const isEllipse = tool === "ellipse" || tool === "draw_ellipse";
  const outline = isEllipse && spots.length === 2 ? boxEllipse(spots, 64) : spots;
  const points = outline.map((spot) => onPane(matrix, spot).join(",")).join(" ");
  const Shape = tool === "draw" || isEllipse ? "polygon" : "polyline";
  return (
    <>
      <rect
        width="100%"
        height="100%"
        fill="transparent"
        pointerEvents="all"
        data-testid="drawing"
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
      />
      {spots.length > 0 && (
        <Shape className={isDrawing(tool) ? classes.drawn : classes.line} points={points} />
      )}
    </>
  );
}

function isPlaced([from, to]: readonly Spot[]): boolean {
  return from !== undefined && to !== undefined && (from[0] !== to[0] || from[1] !== to[1]);
}

function boxEllipse([from, to]: readonly Spot[], corners: number): Spot[] {
  return ellipse(from ?? [0, 0], to ?? [0, 0], corners);
}
