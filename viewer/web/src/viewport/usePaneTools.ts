/** What a pointer does on a pane: the left button has a tool, the others always the same. */

import { type PointerEvent, type RefObject, useEffect, useRef } from "react";

import type { Spot } from "./geometry";
import type { StackView } from "./stackView";
import { dragged, isExact } from "./windows";

export type Tool =
  | "window"
  | "scroll"
  | "pan"
  | "zoom"
  | "length"
  | "angle"
  | "ellipse"
  | "value"
  | "draw"
  | "draw_ellipse";

export const MOVING_TOOLS = ["window", "scroll", "pan", "zoom"] as const;
type MovingTool = (typeof MOVING_TOOLS)[number];

const WHEEL_STEP = 40; // px of wheel for one slice; a touchpad sends many small ones
const SCROLL_STEP = 6; // px of dragging for one slice
const BUTTONS: Record<number, MovingTool | undefined> = { 1: "pan", 2: "zoom" };

export function isMoving(tool: Tool): tool is MovingTool {
  return (MOVING_TOOLS as readonly Tool[]).includes(tool);
}

/** Tools that outline what AI missed. */
export function isDrawing(tool: Tool): tool is "draw" | "draw_ellipse" {
  return tool === "draw" || tool === "draw_ellipse";
}

interface Drag {
  tool: MovingTool;
  x: number;
  y: number;
  start: Spot; // px on the pane
  scrolled: number; // px not yet turned into slices
}

/** The place of an event on an element, px. */
export function placeOn(element: Element, event: { clientX: number; clientY: number }): Spot {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** Handlers of the pointer for window, scroll, pan and zoom; and of the wheel. */
export function usePaneTools(
  surface: RefObject<HTMLDivElement | null>,
  view: StackView | null,
  tool: Tool,
) {
  const drag = useRef<Drag | null>(null);
  const fingers = useRef(new Map<number, Spot>());
  useWheel(surface, view);

  return {
    onPointerDown: (event: PointerEvent<HTMLDivElement>) => {
      const at = placeOn(event.currentTarget, event);
      if (event.pointerType === "touch") fingers.current.set(event.pointerId, at);
      const chosen = event.button === 0 ? (isMoving(tool) ? tool : null) : BUTTONS[event.button];
      if (chosen == null || view === null) return;
      event.preventDefault(); // the middle button would scroll the page
      event.currentTarget.setPointerCapture(event.pointerId);
      drag.current = { tool: chosen, x: event.clientX, y: event.clientY, start: at, scrolled: 0 };
    },
    onPointerMove: (event: PointerEvent<HTMLDivElement>) => {
      if (view === null) return;
      if (fingers.current.size === 2 && fingers.current.has(event.pointerId)) {
        pinch(view, fingers.current, event.pointerId, placeOn(event.currentTarget, event));
        return;
      }
      const now = drag.current;
      if (now === null) return;
      const [dx, dy] = [event.clientX - now.x, event.clientY - now.y];
      [now.x, now.y] = [event.clientX, event.clientY];
      move(view, now, dx, dy);
    },
    onPointerUp: (event: PointerEvent<HTMLDivElement>) => {
      fingers.current.delete(event.pointerId);
      drag.current = null;
    },
    onPointerCancel: (event: PointerEvent<HTMLDivElement>) => {
      fingers.current.delete(event.pointerId);
      drag.current = null;
    },
    onContextMenu: (event: { preventDefault: () => void }) => {
      event.preventDefault(); // the right button zooms
    },
  };
}

function move(view: StackView, drag: Drag, dx: number, dy: number): void {
  switch (drag.tool) {
    case "pan":
      view.pan(dx, dy);
      return;
    case "zoom":
      view.zoom(Math.exp(-dy / 200), drag.start);
      return;
    case "scroll": {
      drag.scrolled += dy;
      const steps = Math.trunc(drag.scrolled / SCROLL_STEP);
      drag.scrolled -= steps * SCROLL_STEP;
      if (steps !== 0) view.scroll(steps);
      return;
    }
    case "window": {
      const { window, facts } = view.now();
      view.setWindow(dragged(window, dx, dy, isExact(facts)));
    }
  }
}

/** Two fingers: apart zooms, together moves. */
function pinch(view: StackView, fingers: Map<number, Spot>, moved: number, to: Spot): void {
  const before = fingers.get(moved);
  const other = [...fingers].find(([id]) => id !== moved)?.[1];
  fingers.set(moved, to);
  if (before === undefined || other === undefined) return;
  const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
  const is = Math.hypot(to[0] - other[0], to[1] - other[1]);
  view.pan((to[0] - before[0]) / 2, (to[1] - before[1]) / 2);
  if (was > 10) view.zoom(is / was, [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2]);
}

/** React listens to the wheel passively; a pane must keep the page from zooming. */
function useWheel(surface: RefObject<HTMLDivElement | null>, view: StackView | null): void {
  useEffect(() => {
    const element = surface.current;
    if (element === null || view === null) return;
    let rest = 0;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      if (event.ctrlKey || view.count === 1) {
        view.zoom(Math.exp(-event.deltaY / 400), placeOn(element, event));
        return;
      }
      rest += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_STEP;
      const steps = Math.trunc(rest / WHEEL_STEP);
      rest -= steps * WHEEL_STEP;
      if (steps !== 0) view.scroll(steps);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      element.removeEventListener("wheel", onWheel);
    };
  }, [surface, view]);
}
