import { describe, expect, it } from "vitest";

import type { ImageFacts } from "./imageFacts";
import { angleOf, lengthOf, sampleOf, valueAt } from "./measure";
import { FACTS } from "./testFacts";

const facts: ImageFacts = { ...FACTS, rows: 4, columns: 4, rowSpacingMm: 0.5, columnSpacingMm: 2, scale: "patient" };

describe("a length", () => {
  it("is in mm of rows and columns", () => {
    expect(lengthOf(facts, [0, 0], [3, 0])).toEqual({ size: 6, unit: "mm", atDetector: false });
    expect(lengthOf(facts, [0, 0], [0, 4]).size).toBe(2);
    expect(lengthOf(facts, [1, 0], [3, 6]).size).toBe(5);
  });
  it("says when it is the detector's, and is in pixels where no scale is known", () => {
    expect(lengthOf({ ...facts, scale: "detector" }, [0, 0], [3, 0]).atDetector).toBe(true);
    expect(lengthOf({ ...FACTS, scale: "unknown" }, [0, 0], [3, 4])).toMatchObject({ size: 5, unit: "px" });
  });
  it("without a scale is in widths of a pixel, however high pixels are", () => {
    const tall: ImageFacts = { ...facts, scale: "unknown", columnSpacingMm: 1, rowSpacingMm: 2 };
    expect(lengthOf(tall, [0, 0], [3, 2])).toMatchObject({ size: 5, unit: "px" });
    expect(angleOf(tall, [[2, 0], [0, 0], [2, 1]])).toBeCloseTo(45);
    expect(sampleOf(new Uint8Array(16), tall, [0, 0], [4, 4])?.area).toMatchObject({ unit: "px" });
    expect(sampleOf(new Uint8Array(16), tall, [0, 0], [4, 4])?.area.size).toBeCloseTo(8 * Math.PI, 1);
  });
  it("in ultrasound has the scale of the region that holds both ends", () => {
    const region = { left: 0, top: 0, right: 99, bottom: 99, mmPerColumn: 0.1, mmPerRow: 0.2 };
    const ultrasound = { ...FACTS, rows: 200, columns: 200, ultrasound: [region] };
    expect(lengthOf(ultrasound, [0, 0], [30, 20]).size).toBeCloseTo(5);
    expect(lengthOf(ultrasound, [0, 0], [150, 0])).toMatchObject({ size: 150, unit: "px" });
  });
});

describe("an angle", () => {
  it("is measured in mm, not in pixels", () => {
    expect(angleOf(facts, [[1, 0], [0, 0], [0, 1]])).toBeCloseTo(90);
    expect(angleOf(facts, [[1, 0], [0, 0], [1, 4]])).toBeCloseTo(45);
    expect(angleOf(facts, [[1, 0], [0, 0], [-1, 0]])).toBeCloseTo(180);
  });
  it("is none where two places coincide", () => {
    expect(angleOf(facts, [[1, 1], [1, 1], [2, 2]])).toBeNull();
  });
});

describe("values", () => {
  const values = Int16Array.from({ length: 16 }, (_, at) => at * 10);
  it("are the pixel's under the pointer", () => {
    expect(valueAt(values, facts, [3.99, 1.01])).toBe(70);
    expect(valueAt(values, facts, [4, 1])).toBeNull();
  });
  it("that are no numbers are none, and count in no ellipse", () => {
    const holes = Float32Array.from({ length: 16 }, (_, at) => (at % 2 === 0 ? at : NaN));
    expect(valueAt(holes, facts, [1.5, 0.5])).toBeNull();
    expect(sampleOf(holes, facts, [0, 0], [4, 4])?.mean).not.toBeNaN();
  });
  it("in an ellipse are those whose centres lie in it", () => {
    const sample = sampleOf(values, facts, [0.9, 0.9], [3.1, 3.1]);
    expect(sample).toMatchObject({ count: 4, mean: 75, lowest: 50, highest: 100 });
    expect(sample?.deviation).toBeCloseTo(Math.sqrt((625 + 225 + 225 + 625) / 4));
    expect(sample?.area.size).toBeCloseTo(Math.PI * 1.1 * 1.1, 1);
    expect(sampleOf(values, facts, [0.9, 0.9], [1.1, 1.1])).toBeNull();
  });
});
