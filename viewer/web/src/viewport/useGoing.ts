/** From mark to mark, and to a place that the page asks for: in a stack, or in three planes. */

import { useEffect } from "react";

import { source } from "./cornerstone";
import { nextStop, type Stop } from "./findings";
import { depthOf, nearestSlice, normalOf, toWorld } from "./geometry";
import type { Vector } from "./imageFacts";
import type { Mark } from "./Marks";
import type { MprView } from "./mprView";
import { type FrameRef, imageIdOf } from "./source";

interface Where {
  seriesAt: number; // of the series in the first pane
  frames: readonly FrameRef[];
  index: number; // of the frame shown in the stack
  planes: MprView | null; // where the series is cut in planes
  marksOf: (frame: FrameRef) => readonly Mark[];
  show: (stop: Stop) => void; // in the stack
}

export interface ViewerHandle {
  go: (stop: Stop) => void; // show a place
}

/** Give away the way to a place; answers the way to the next stop, or the one before. */
export function useGoing(
  onGoing: (go: (stop: Stop) => void) => void,
  where: Where,
  stops: readonly Stop[],
): (by: 1 | -1) => void {
  useEffect(() => {
    onGoing((stop) => {
      goTo(where, stop);
    });
  });
  return (by) => {
    goOn(where, stops, by);
  };
}

/** Go to a place; the planes stay where they can show it. */
function goTo(where: Where, stop: Stop): void {
  const frame = where.frames[stop.index];
  const point = frame === undefined || stop.seriesAt !== where.seriesAt ? null : middleOf(frame, where.marksOf(frame));
  if (where.planes === null || point === null) where.show(stop);
  else where.planes.goTo(point);
}

function goOn(where: Where, stops: readonly Stop[], by: 1 | -1): void {
  const index = where.planes === null ? where.index : sliceAt(where.frames, where.planes.now().point);
  const next = nextStop(stops, { seriesAt: where.seriesAt, index: index ?? 0 }, by);
  if (next !== null) goTo(where, next);
}

/** The middle of what is marked on a frame, or of the frame; null: it is not known where it lies. */
function middleOf(frame: FrameRef, marks: readonly Mark[]): Vector | null {
  const facts = source.known(imageIdOf(frame));
  if (facts?.plane == null) return null;
  const polygon = marks[0]?.polygon ?? [[0, 0], [facts.columns, facts.rows]];
  const mean = (axis: 0 | 1) => polygon.reduce((sum, spot) => sum + spot[axis], 0) / polygon.length;
  return toWorld(facts, [mean(0), mean(1)]);
}

/** The slice nearest to a point; null: there is none. */
function sliceAt(frames: readonly FrameRef[], point: Vector | null): number | null {
  const planes = frames.map((frame) => source.known(imageIdOf(frame))?.plane ?? null);
  const first = planes.find((plane) => plane !== null);
  if (first === undefined || point === null) return null;
  const normal = normalOf(first);
  return nearestSlice(planes, normal, depthOf({ ...first, position: point }, normal));
}
