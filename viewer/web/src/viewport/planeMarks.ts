/** What is marked on the slices of a volume, as it lies in planes that cut the volume otherwise. */

import { cross, depthOf, dot, normalOf, type Spot, toWorld } from "./geometry";
import type { ImageFacts, Vector } from "./imageFacts";
import type { Mark } from "./Marks";

/** A plane in the patient, mm. */
export interface Cutting {
  point: Vector;
  normal: Vector; // unit vector
}

/** A mark with the slice it was made on: as thick as slices are apart, for more is not known. */
interface Slab {
  mark: Mark;
  slice: number; // counted along the normal
  corners: readonly Vector[]; // mm, in the middle of the slice
  box: readonly [Spot, Spot]; // pixels
}

export interface MarkedVolume {
  normal: Vector; // of the slices; unit vector
  gapMm: number; // from slice to slice
  things: readonly (readonly Slab[])[]; // the slabs of one thing lie side by side
}

/** An outline in a plane. */
export interface PlaneMark {
  mark: Mark;
  isRange: boolean; // over slices, seen from beside; else as it was outlined on its slice
  corners: readonly Vector[]; // mm
}

export interface MarkedSlice {
  facts: ImageFacts;
  marks: readonly Mark[];
}

/** The marks of the slices of a volume (`isVolume`); null: nothing is marked. */
export function markedVolume(slices: readonly MarkedSlice[]): MarkedVolume | null {
  const plane = slices[0]?.facts.plane;
  if (plane == null || slices.length < 2) return null;
  const normal = normalOf(plane);
  const depths = slices.map(({ facts }) => (facts.plane === null ? 0 : depthOf(facts.plane, normal)));
  const lowest = Math.min(...depths);
  const gapMm = (Math.max(...depths) - lowest) / (slices.length - 1);
  const slabs = slices.flatMap(({ facts, marks }, at) =>
    marks.map((mark): Slab => ({
      mark,
      slice: Math.round(((depths[at] ?? 0) - lowest) / gapMm),
      corners: mark.polygon.map((spot) => toWorld(facts, spot)),
      box: boxOf(mark.polygon),
    })),
  );
  return slabs.length === 0 ? null : { normal, gapMm, things: thingsOf(slabs) };
}

function boxOf(polygon: readonly Spot[]): readonly [Spot, Spot] {
  const columns = polygon.map(([column]) => column);
  const rows = polygon.map(([, row]) => row);
  return [
    [Math.min(...columns), Math.min(...rows)],
    [Math.max(...columns), Math.max(...rows)],
  ];
}

/** Slabs that go on in each other: of one thing, on one slice or the next, and over each other. */
function thingsOf(slabs: readonly Slab[]): Slab[][] {
  const left = new Set(slabs);
  const things: Slab[][] = [];
  for (const first of slabs) {
    if (!left.delete(first)) continue;
    const thing = [first];
    for (const one of thing) {
      for (const other of left) {
        if (!goesOn(one, other)) continue;
        left.delete(other);
        thing.push(other);
      }
    }
    things.push(thing);
  }
  return things;
}

function goesOn(a: Slab, b: Slab): boolean {
  if (a.mark.thing !== b.mark.thing || Math.abs(a.slice - b.slice) > 1) return false;
  return [0, 1].every((axis) => {
    const [from, to] = [a.box[0][axis] ?? 0, a.box[1][axis] ?? 0];
    return (b.box[0][axis] ?? 0) <= to && (b.box[1][axis] ?? 0) >= from;
  });
}

const PARALLEL = 0.9999; // cosine between normals; beyond 0.8 degrees a slice is seen to rise in the plane
const STEPS = 8; // through a thick plane

/**
 * The outlines to draw on a plane: as they were made on a plane of the volume's own slices, and
 * over the range of the slices of each thing where the plane runs across them.
 *
 * Of a plane that shows the brightest of `thickMm`, all that lies in it is drawn.
 */
export function marksOn(volume: MarkedVolume, plane: Cutting, thickMm: number): PlaneMark[] {
  const { normal, gapMm, things } = volume;
  if (Math.abs(dot(normal, plane.normal)) > PARALLEL) {
    return things.flat().flatMap(({ mark, corners }) => {
      const distances = corners.map((corner) => away(corner, plane));
      const middle = (Math.min(...distances) + Math.max(...distances)) / 2;
      return Math.abs(middle) <= (gapMm + thickMm) / 2 ? [{ mark, isRange: false, corners }] : [];
    });
  }
  return things.flatMap((thing) => {
    const corners = hull(thing.flatMap((slab) => crossings(slab, volume, plane, thickMm)), plane, normal);
    const [first] = thing;
    return first === undefined || corners.length < 3 ? [] : [{ mark: first.mark, isRange: true, corners }];
  });
}

/** Where a plane, or each of those in a thick one, meets the edges of a slab; all moved onto it. */
function crossings(slab: Slab, { normal, gapMm }: MarkedVolume, plane: Cutting, thickMm: number): Vector[] {
  const above = slab.corners.map((corner) => along(corner, normal, gapMm / 2));
  const below = slab.corners.map((corner) => along(corner, normal, -gapMm / 2));
  const edges = above.flatMap((corner, at): [Vector, Vector][] => {
    const next = (at + 1) % above.length;
    const [foot, nextAbove, nextBelow] = [below[at] ?? corner, above[next] ?? corner, below[next] ?? corner];
    return [[corner, foot], [corner, nextAbove], [foot, nextBelow]];
  });
  const offsets = thickMm === 0 ? [0] : Array.from({ length: STEPS + 1 }, (_, at) => thickMm * (at / STEPS - 0.5));
  return offsets.flatMap((offset) =>
    edges.flatMap(([from, to]) => {
      const [a, b] = [away(from, plane) - offset, away(to, plane) - offset];
      if (a < 0 === b < 0) return [];
      const part = a / (a - b);
      const met: Vector = [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part, from[2] + (to[2] - from[2]) * part];
      return [along(met, plane.normal, -offset)];
    }),
  );
}

function away(point: Vector, plane: Cutting): number {
  return dot(point, plane.normal) - dot(plane.point, plane.normal);
}

function along(from: Vector, direction: Vector, by: number): Vector {
  return [from[0] + direction[0] * by, from[1] + direction[1] * by, from[2] + direction[2] * by];
}

/** The convex outline around points of a plane. */
function hull(points: readonly Vector[], plane: Cutting, across: Vector): Vector[] {
  const right = cross(plane.normal, across);
  const up = cross(right, plane.normal);
  const placed = points
    .map((point) => ({ point, x: dot(point, right), y: dot(point, up) }))
    .toSorted((a, b) => a.x - b.x || a.y - b.y);
  return [...half(placed), ...half(placed.toReversed())].map(({ point }) => point);
}

interface Placed {
  point: Vector;
  x: number;
  y: number;
}

/** One side of the outline (Andrew's monotone chain), without its last point. */
function half(sorted: readonly Placed[]): Placed[] {
  const kept: Placed[] = [];
  for (const one of sorted) {
    for (;;) {
      const [a, b] = kept.slice(-2);
      if (a === undefined || b === undefined) break;
      if ((b.x - a.x) * (one.y - a.y) - (b.y - a.y) * (one.x - a.x) > 1e-9) break;
      kept.pop();
    }
    kept.push(one);
  }
  return kept.slice(0, -1);
}

/** How points of the patient come onto a pane: without perspective, so that this is all of it. */
export interface Projection {
  origin: Spot; // px, of the point (0, 0, 0)
  axes: readonly [Spot, Spot, Spot]; // px for each mm along x, y and z
}

/** The px of a point. */
export function onPlane({ origin, axes: [x, y, z] }: Projection, point: Vector): Spot {
  return [
    origin[0] + x[0] * point[0] + y[0] * point[1] + z[0] * point[2],
    origin[1] + x[1] * point[0] + y[1] * point[1] + z[1] * point[2],
  ];
}
