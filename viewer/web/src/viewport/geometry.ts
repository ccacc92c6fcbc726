/** Where pixels lie in the patient: positions, letters, lengths, the slice that is nearest. */

import type { ImageFacts, Plane, Vector } from "./imageFacts";

/** (0, 0) is the top-left corner of the top-left pixel, column first, as in SCOORD. */
export type Spot = readonly [number, number];

/** The plane an image is drawn in; one of its own where it has none in the patient. */
export function drawnPlane(facts: ImageFacts): Plane {
  return facts.plane ?? { position: [0, 0, 0], along: [1, 0, 0], down: [0, 1, 0] };
}

export function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function normalOf({ along, down }: Plane): Vector {
  return cross(along, down);
}

/** The point in space (mm) of a place in an image. */
export function toWorld(facts: ImageFacts, [column, row]: Spot): [number, number, number] {
  const { position, along, down } = drawnPlane(facts);
  const x = (column - 0.5) * facts.columnSpacingMm;
  const y = (row - 0.5) * facts.rowSpacingMm;
  return [
    position[0] + along[0] * x + down[0] * y,
    position[1] + along[1] * x + down[1] * y,
    position[2] + along[2] * x + down[2] * y,
  ];
}

/** The place in an image of the nearest point of its plane. */
export function toImage(facts: ImageFacts, world: Vector): [number, number] {
  const { position, along, down } = drawnPlane(facts);
  const from: Vector = [world[0] - position[0], world[1] - position[1], world[2] - position[2]];
  return [
    dot(from, along) / facts.columnSpacingMm + 0.5,
    dot(from, down) / facts.rowSpacingMm + 0.5,
  ];
}

/** The value's pixel under a place; null: outside the image. */
export function pixelAt(facts: ImageFacts, [column, row]: Spot): { column: number; row: number } | null {
  const at = { column: Math.floor(column), row: Math.floor(row) };
  const isIn = at.column >= 0 && at.row >= 0 && at.column < facts.columns && at.row < facts.rows;
  return isIn ? at : null;
}

const LETTERS: readonly [string, string][] = [
  ["L", "R"],
  ["P", "A"],
  ["H", "F"],
];

/** Toward what a direction in the patient points, the strongest first: "L", "AL"; at most two. */
export function lettersToward(direction: Vector): string {
  return direction
    .map((part, axis) => ({ part, letters: LETTERS[axis] ?? ["", ""] }))
    .filter(({ part }) => Math.abs(part) > 0.25)
    .toSorted((a, b) => Math.abs(b.part) - Math.abs(a.part))
    .slice(0, 2)
    .map(({ part, letters }) => (part > 0 ? letters[0] : letters[1]))
    .join("");
}

const OPPOSITE: Record<string, string> = { L: "R", R: "L", A: "P", P: "A", H: "F", F: "H" };

/** The other way: "RP" of "LA". */
export function opposite(letters: string): string {
  return letters.replace(/[LRAPHF]/g, (letter) => OPPOSITE[letter] ?? letter);
}

export interface EdgeLetters {
  top: string;
  right: string;
  bottom: string;
  left: string;
}

/**
 * What the four edges of the screen point to.
 *
 * `right` and `down` are the directions on the screen in the image's own axes: (1, 0) is along the
 * columns. Without plane or letters nothing is claimed.
 */
export function edgeLetters(facts: ImageFacts, right: Spot, down: Spot): EdgeLetters | null {
  const toward = ([column, row]: Spot): string => {
    if (facts.plane !== null) {
      const { along, down: below } = facts.plane;
      return lettersToward([
        along[0] * column + below[0] * row,
        along[1] * column + below[1] * row,
        along[2] * column + below[2] * row,
      ]);
    }
    const [own, ownBelow] = facts.patientOrientation ?? ["", ""];
    const letters = Math.abs(column) >= Math.abs(row) ? own : ownBelow;
    const isAlong = Math.abs(column) >= Math.abs(row) ? column > 0 : row > 0;
    return isAlong ? letters : opposite(letters);
  };
  if (facts.plane === null && facts.patientOrientation === null) return null;
  return {
    right: toward(right),
    left: toward([-right[0], -right[1]]),
    bottom: toward(down),
    top: toward([-down[0], -down[1]]),
  };
}

const PARALLEL = 0.99; // cosine between normals

/** How far along the normal of its plane an image lies, mm. */
export function depthOf(plane: Plane, normal = normalOf(plane)): number {
  return dot(plane.position, normal);
}

export function areParallel(a: Plane, b: Plane): boolean {
  return Math.abs(dot(normalOf(a), normalOf(b))) > PARALLEL;
}

/** The slice nearest to a depth along a normal (mm), of those that lie across it; null: none. */
export function nearestSlice(
  planes: readonly (Plane | null)[],
  normal: Vector,
  depthMm: number,
): number | null {
  let best: number | null = null;
  let distance = Infinity;
  for (const [at, plane] of planes.entries()) {
    if (plane === null || Math.abs(dot(normalOf(plane), normal)) <= PARALLEL) continue;
    const away = Math.abs(depthOf(plane, normal) - depthMm);
    if (away < distance) [best, distance] = [at, away];
  }
  return best;
}

/** Whether positions in two images are in one frame of reference. */
export function sharesSpace(first: ImageFacts, second: ImageFacts): boolean {
  return first.frameOfReferenceUid !== "" && first.frameOfReferenceUid === second.frameOfReferenceUid;
}

/**
 * Where the plane of one image cuts another, in the other's own grid.
 *
 * null: it does not, or nobody knows, as their positions are not in one frame of reference.
 */
export function cut(of: ImageFacts, on: ImageFacts): readonly [Spot, Spot] | null {
  if (!sharesSpace(of, on)) return null;
  if (of.plane === null || on.plane === null || areParallel(of.plane, on.plane)) return null;
  const normal = normalOf(of.plane);
  const depth = depthOf(of.plane, normal);
  // The signed distance of a place from the plane is linear in column and row.
  const away = (spot: Spot) => dot(toWorld(on, spot), normal) - depth;
  const base = away([0, 0]);
  const perColumn = away([1, 0]) - base;
  const perRow = away([0, 1]) - base;
  const { columns, rows } = on;
  const ends: Spot[] = [];
  for (const column of [0, columns]) {
    const row = -(base + perColumn * column) / perRow;
    if (Number.isFinite(row) && row >= 0 && row <= rows) ends.push([column, row]);
  }
  for (const row of [0, rows]) {
    const column = -(base + perRow * row) / perColumn;
    if (Number.isFinite(column) && column > 0 && column < columns) ends.push([column, row]);
  }
  const [first, second] = ends;
  return first === undefined || second === undefined ? null : [first, second];
}

const MOST_DRIFT_MM = 1;

/** How far a plane lies beside the normal through another's corner, mm: much, of a tilted gantry. */
function driftOf(plane: Plane, first: Plane, normal: Vector): number {
  const [x, y, z] = plane.position;
  const from: Vector = [x - first.position[0], y - first.position[1], z - first.position[2]];
  const depth = dot(from, normal);
  return Math.hypot(from[0] - depth * normal[0], from[1] - depth * normal[1], from[2] - depth * normal[2]);
}

/** Slices as one upright block: parallel, of one size, evenly apart. That is what can be cut anew. */
export function isVolume(all: readonly ImageFacts[]): boolean {
  const [first] = all;
  if (first?.plane == null || all.length < 6 || first.samples !== 1) return false;
  const normal = normalOf(first.plane);
  const depths: number[] = [];
  for (const one of all) {
    if (one.plane === null || !areParallel(one.plane, first.plane)) return false;
    if (dot(one.plane.along, first.plane.along) < PARALLEL) return false;
    if (driftOf(one.plane, first.plane, normal) > MOST_DRIFT_MM) return false;
    if (one.rows !== first.rows || one.columns !== first.columns) return false;
    if (one.frameOfReferenceUid !== first.frameOfReferenceUid) return false;
    depths.push(depthOf(one.plane, normal));
  }
  depths.sort((a, b) => a - b);
  const gaps = depths.slice(1).map((depth, at) => depth - (depths[at] ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  return mean > 0.01 && gaps.every((gap) => Math.abs(gap - mean) < 0.1 * mean + 0.05);
}

/** The area that a polygon encloses, in square pixels. */
export function areaOf(polygon: readonly Spot[]): number {
  let twice = 0;
  for (const [at, [x, y]] of polygon.entries()) {
    const [nextX, nextY] = polygon[(at + 1) % polygon.length] ?? [0, 0];
    twice += x * nextY - nextX * y;
  }
  return Math.abs(twice) / 2;
}

/** An ellipse in the box of two corners, as a polygon. */
export function ellipse([x0, y0]: Spot, [x1, y1]: Spot, corners = 32): Spot[] {
  const [cx, cy, rx, ry] = [(x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2];
  return Array.from({ length: corners }, (_, at) => {
    const angle = (2 * Math.PI * at) / corners;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)] as const;
  });
}

/** A line drawn by hand with fewer points: none closer than `apart` pixels to the one before. */
export function thinned(line: readonly Spot[], apart: number): Spot[] {
  const kept: Spot[] = [];
  for (const spot of line) {
    const last = kept.at(-1);
    if (last === undefined || Math.hypot(spot[0] - last[0], spot[1] - last[1]) >= apart) kept.push(spot);
  }
  return kept;
}

/** The same outline with no more than `most` corners. */
export function reduced(outline: readonly Spot[], most: number): Spot[] {
  let apart = 1;
  let kept = [...outline];
  while (kept.length > most) {
    apart *= 1.5;
    kept = thinned(outline, apart);
  }
  return kept;
}

/** Kept inside the image, as regions are. */
export function inside(polygon: readonly Spot[], { columns, rows }: { columns: number; rows: number }): Spot[] {
  return polygon.map(([x, y]) => [
    Math.max(0, Math.min(columns, x)),
    Math.max(0, Math.min(rows, y)),
  ]);
}
