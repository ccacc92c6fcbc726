import { describe, expect, it } from "vitest";

import type { Spot } from "./geometry";
import type { ImageFacts, Vector } from "./imageFacts";
import type { Mark } from "./Marks";
import { type Cutting, type MarkedSlice, markedVolume, marksOn, onPlane } from "./planeMarks";
import { FACTS } from "./testFacts";

const box = (left: number, top: number, right: number, bottom: number): Spot[] => [[left, top], [right, top], [right, bottom], [left, bottom]];
const mark = (polygon: Spot[], thing = "blood"): Mark => ({ key: thing, thing, by: "ai", polygon, label: thing, sure: "" });
/** Slices 3 mm apart of 100 x 100 pixels of 1 mm; (0, 0, 0) is the corner of the first. */
const slice = (at: number, marks: Mark[]): MarkedSlice => ({
  facts: {
    ...FACTS, rows: 100, columns: 100, frameOfReferenceUid: "1", scale: "patient",
    plane: { position: [0.5, 0.5, at * 3], along: [1, 0, 0], down: [0, 1, 0] },
  } satisfies ImageFacts,
  marks,
});
const slices = (marks: Record<number, Mark[]>) => Array.from({ length: 10 }, (_, at) => slice(at, marks[at] ?? []));
const volume = (marks: Record<number, Mark[]>) => {
  const made = markedVolume(slices(marks));
  if (made === null) throw new Error("nothing is marked");
  return made;
};
const axial = (z: number): Cutting => ({ point: [0, 0, z], normal: [0, 0, 1] });
const coronal = (y: number): Cutting => ({ point: [0, y, 0], normal: [0, -1, 0] });
const span = (corners: readonly Vector[], axis: 0 | 1 | 2) => [
  Math.min(...corners.map((corner) => corner[axis])),
  Math.max(...corners.map((corner) => corner[axis])),
];

describe("marks in a plane of the slices themselves", () => {
  const marked = volume({ 4: [mark(box(10, 20, 30, 40))] });
  it("are outlined as they were made, half a gap up and down", () => {
    const [one] = marksOn(marked, axial(12), 0);
    expect(one?.corners).toEqual([[10, 20, 12], [30, 20, 12], [30, 40, 12], [10, 40, 12]]);
    expect(one?.isRange).toBe(false);
    expect([10.4, 10.6, 13.4, 13.6].map((z) => marksOn(marked, axial(z), 0).length)).toEqual([0, 1, 1, 0]);
  });
  it("show through a thick plane", () => {
    expect(marksOn(marked, axial(18), 5)).toEqual([]);
    expect(marksOn(marked, axial(18), 10)).toHaveLength(1);
  });
});

describe("marks of slices that are tilted against the plane", () => {
  /** Slices turned about the x axis through the middle of the first; marked far behind it. */
  const tilted = (degrees: number) => {
    const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
    const turned = slices({ 4: [mark(box(40, 150, 60, 170))] }).map(({ facts, marks }, at) => ({
      facts: {
        ...facts,
        rows: 200,
        plane: {
          position: [0.5, -100 * cos - at * 3 * sin, -100 * sin + at * 3 * cos] as const,
          along: [1, 0, 0] as const,
          down: [0, cos, sin] as const,
        },
      },
      marks,
    }));
    const marked = markedVolume(turned);
    if (marked === null) throw new Error("nothing is marked");
    return { marked, middle: 12 * cos + 60 * sin }; // mm: the height of the mark
  };
  it.each([0.5, 2, 5, 9])("by %d degrees are drawn at their own height", (degrees) => {
    const { marked, middle } = tilted(degrees);
    const shown = (by: number) => marksOn(marked, axial(middle + by), 0).length;
    // 20 mm of it lie on a slope, half a slice above and below.
    const half = 1.5 / Math.cos((degrees * Math.PI) / 180) + 10 * Math.sin((degrees * Math.PI) / 180);
    expect([0, half + 0.2, -half - 0.2].map(shown)).toEqual([1, 0, 0]);
    expect([1.3, -1.3].map(shown)).toEqual([1, 1]);
    expect(marksOn(marked, axial(middle + half + 4), 10)).toHaveLength(1);
  });
  it("are outlined where the plane meets them", () => {
    const { marked, middle } = tilted(5);
    const [one] = marksOn(marked, axial(middle), 0);
    expect(one?.isRange).toBe(true);
    expect(span(one?.corners ?? [], 0)).toEqual([40, 60]);
    expect(span(one?.corners ?? [], 2).map((z) => Math.round(z * 100))).toEqual([middle, middle].map((z) => Math.round(z * 100)));
  });
});

describe("marks in a plane across the slices", () => {
  const marked = volume({ 4: [mark(box(10, 20, 30, 40))], 5: [mark(box(20, 25, 50, 45))] });
  it("are one outline over the range of their slices", () => {
    const [one, ...more] = marksOn(marked, coronal(30), 0);
    expect(more).toEqual([]);
    expect(one?.isRange).toBe(true);
    expect(span(one?.corners ?? [], 0)).toEqual([10, 50]);
    expect(span(one?.corners ?? [], 1)).toEqual([30, 30]);
    expect(span(one?.corners ?? [], 2)).toEqual([10.5, 16.5]);
  });
  it("are those that the plane meets, and none beside", () => {
    expect(span(marksOn(marked, coronal(42), 0)[0]?.corners ?? [], 2)).toEqual([13.5, 16.5]);
    expect(marksOn(marked, coronal(19), 0)).toEqual([]);
    expect(marksOn(marked, coronal(46), 0)).toEqual([]);
    expect(marksOn(marked, coronal(50), 20)).toHaveLength(1);
  });
  it("of two things, of two places, or with a slice between stay apart", () => {
    const count = (marks: Record<number, Mark[]>) => marksOn(volume(marks), coronal(30), 0).length;
    expect(count({ 4: [mark(box(10, 20, 30, 40))], 5: [mark(box(10, 20, 30, 40), "fracture")] })).toBe(2);
    expect(count({ 4: [mark(box(10, 20, 30, 40)), mark(box(60, 20, 80, 40))] })).toBe(2);
    expect(count({ 4: [mark(box(10, 20, 30, 40))], 6: [mark(box(10, 20, 30, 40))] })).toBe(2);
    expect(count({ 4: [mark(box(10, 20, 30, 40))], 5: [mark(box(30, 40, 60, 60))] })).toBe(1);
  });
  it("of slices that were sent from the head down lie where they are", () => {
    const down = markedVolume(slices({ 4: [mark(box(10, 20, 30, 40))] }).toReversed());
    expect(down === null ? null : span(marksOn(down, coronal(30), 0)[0]?.corners ?? [], 2)).toEqual([10.5, 13.5]);
  });
});

it("an oblique plane meets only what it runs through", () => {
  const half = Math.SQRT1_2;
  const marked = volume({ 4: [mark(box(10, 20, 30, 40))] });
  const through: Cutting = { point: [20, 30, 12], normal: [0, half, half] };
  const [one] = marksOn(marked, through, 0);
  expect(span(one?.corners ?? [], 0)).toEqual([10, 30]);
  expect(span(one?.corners ?? [], 2).map((z) => Math.round(z * 10) / 10)).toEqual([10.5, 13.5]);
  expect(marksOn(marked, { ...through, point: [20, 60, 12] }, 0)).toEqual([]);
});

it("nothing marked is no volume of marks", () => {
  expect(markedVolume(slices({}))).toBeNull();
  expect(markedVolume([])).toBeNull();
});

it("a point is placed on a pane by what a millimetre is on it", () => {
  const projection = { origin: [5, 7] as const, axes: [[2, 0], [0, 0], [0, -2]] as const };
  expect(onPlane(projection, [10, 99, 1])).toEqual([25, 5]);
});
