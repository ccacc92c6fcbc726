import { describe, expect, it } from "vitest";

import { areaOf, cut, edgeLetters, ellipse, inside, isVolume, lettersToward, nearestSlice, opposite, pixelAt, reduced, thinned, toImage, toWorld } from "./geometry";
import type { ImageFacts, Plane, Vector } from "./imageFacts";
import { follow, isLinked, linkOf, linkState } from "./linking";
import { onPane } from "./stackMatrix";
import { FACTS } from "./testFacts";

const plane = (z: number, along: Vector = [1, 0, 0], down: Vector = [0, 1, 0]): Plane => ({ position: [0, 0, z], along, down });
const axial = (z: number, more: Partial<ImageFacts> = {}): ImageFacts => ({
  ...FACTS, rows: 100, columns: 200, plane: plane(z), rowSpacingMm: 0.5, columnSpacingMm: 2, scale: "patient",
  frameOfReferenceUid: "1.2", ...more,
});
const sagittal: ImageFacts = {
  ...axial(0), rows: 50, columns: 60, rowSpacingMm: 1, columnSpacingMm: 1,
  plane: { position: [10, -20, 30], along: [0, 1, 0], down: [0, 0, -1] },
};

describe("places in space", () => {
  it("count from the corner of the first pixel, whose centre is the position", () => {
    expect(toWorld(axial(5), [0.5, 0.5])).toEqual([0, 0, 5]);
    expect(toWorld(axial(5), [1.5, 2.5])).toEqual([2, 1, 5]);
  });
  it("lead back to where they came from", () => {
    const [column, row] = toImage(sagittal, toWorld(sagittal, [12.25, 30.75]));
    expect(column).toBeCloseTo(12.25);
    expect(row).toBeCloseTo(30.75);
  });
  it("are in a pixel or outside the image", () => {
    expect(pixelAt(axial(0), [199.9, 0])).toEqual({ column: 199, row: 0 });
    expect(pixelAt(axial(0), [200, 0])).toBeNull();
    expect(pixelAt(axial(0), [-0.1, 0])).toBeNull();
  });
});

describe("letters", () => {
  it("say where a direction leads, the strongest first", () => {
    expect(lettersToward([1, 0, 0])).toBe("L");
    expect(lettersToward([0, 0, -1])).toBe("F");
    expect(lettersToward([-0.5, 0.8, 0.1])).toBe("PR");
    expect(opposite("PR")).toBe("AL");
  });
  it("of an axial image are the patient's right on the left of the screen", () => {
    expect(edgeLetters(axial(0), [1, 0], [0, 1])).toEqual({ right: "L", left: "R", bottom: "P", top: "A" });
  });
  it("turn with the image", () => {
    expect(edgeLetters(axial(0), [0, -1], [1, 0])).toEqual({ right: "A", left: "P", bottom: "L", top: "R" });
  });
  it("are those sent where there is no plane, and none where nothing is known", () => {
    const radiograph: ImageFacts = { ...FACTS, patientOrientation: ["L", "F"] };
    expect(edgeLetters(radiograph, [1, 0], [0, 1])).toEqual({ right: "L", left: "R", bottom: "F", top: "H" });
    expect(edgeLetters(radiograph, [0, 1], [-1, 0])).toEqual({ right: "F", left: "H", bottom: "R", top: "L" });
    expect(edgeLetters(FACTS, [1, 0], [0, 1])).toBeNull();
  });
});

describe("linked panes", () => {
  const planes = [0, 5, 10, 15].map((z) => plane(z));
  it("show the nearest slice, of those that are parallel", () => {
    expect(nearestSlice(planes, [0, 0, 1], 7.4)).toBe(1);
    expect(nearestSlice(planes, [0, 0, 1], 7.6)).toBe(2);
    expect(nearestSlice(planes, [1, 0, 0], 7.6)).toBeNull();
    expect(nearestSlice([null], [0, 0, 1], 0)).toBeNull();
  });
  it("go by position in one frame of reference", () => {
    const link = linkOf(axial(0), axial(40));
    expect(link?.offsetMm).toBe(0);
    expect(link && follow(link, plane(10), planes, "second")).toBe(2);
  });
  it("go on from where they stood in two", () => {
    const link = linkOf(axial(0), axial(5, { frameOfReferenceUid: "1.3" }));
    expect(link?.offsetMm).toBe(5);
    expect(link && follow(link, plane(5), planes, "second")).toBe(2);
    expect(link && follow(link, plane(10), planes, "first")).toBe(1);
  });
  it("that look the other way up or down still find each other", () => {
    const feetFirst: Plane = { position: [0, 0, 10], along: [-1, 0, 0], down: [0, 1, 0] };
    const link = linkOf(axial(0), axial(0, { plane: feetFirst, frameOfReferenceUid: "1.3" }));
    expect(link?.offsetMm).toBe(10);
    expect(link && follow(link, feetFirst, planes, "first")).toBe(0);
  });
  it("do not link what is not parallel", () => {
    expect(linkOf(axial(0), sagittal)).toBeNull();
    expect(linkOf(axial(0), FACTS)).toBeNull();
    expect(linkState(axial(0), sagittal, true)).toBe("crossing");
    expect(linkState(axial(0), FACTS, true)).toBe("unplaced");
  });
  it("are linked in one frame of reference unless somebody lets them go", () => {
    expect([null, true, false].map((choice) => linkState(axial(0), axial(5), choice))).toEqual(["one_space", "one_space", "off"]);
  });
  it("are not linked across frames of reference unless somebody does it", () => {
    const other = axial(0, { frameOfReferenceUid: "1.3" });
    const nameless = axial(0, { frameOfReferenceUid: "" });
    expect([null, true, false].map((choice) => linkState(axial(0), other, choice))).toEqual(["two_spaces", "by_hand", "two_spaces"]);
    expect(linkState(nameless, nameless, null)).toBe("two_spaces");
    expect((["one_space", "by_hand", "off", "two_spaces", "crossing", "unplaced"] as const).filter(isLinked)).toEqual(["one_space", "by_hand"]);
  });
});

describe("the line where one image cuts another", () => {
  it("lies where the other's plane is", () => {
    const line = cut(sagittal, axial(5)); // the plane x = 10 mm
    expect(line?.map(([column]) => column)).toEqual([5.5, 5.5]);
    expect(line?.map(([, row]) => row)).toEqual([0, 100]);
  });
  it("is none across frames of reference: nobody knows where the planes meet", () => {
    expect(cut(sagittal, axial(5, { frameOfReferenceUid: "1.3" }))).toBeNull();
  });
  it("is none for parallel planes, or beside the image", () => {
    expect(cut(axial(1), axial(5))).toBeNull();
    expect(cut({ ...sagittal, plane: { position: [9999, 0, 0], along: [0, 1, 0], down: [0, 0, -1] } }, axial(5))).toBeNull();
  });
});

describe("a volume", () => {
  const stack = (...depths: number[]) => depths.map((z) => axial(z));
  it("has parallel slices evenly apart, in any order", () => {
    expect(isVolume(stack(0, 5, 10, 15, 20, 25))).toBe(true);
    expect(isVolume(stack(25, 0, 10, 15, 20, 5))).toBe(true);
  });
  it("has no holes, doubles, other sizes or spaces", () => {
    expect(isVolume(stack(0, 5, 10, 20, 25, 30))).toBe(false);
    expect(isVolume(stack(0, 0, 5, 5, 10, 10))).toBe(false);
    expect(isVolume([...stack(0, 5, 10, 15, 20), axial(25, { rows: 99 })])).toBe(false);
    expect(isVolume([...stack(0, 5, 10, 15, 20), axial(25, { frameOfReferenceUid: "1.9" })])).toBe(false);
    expect(isVolume([...stack(0, 5, 10, 15, 20), { ...axial(25), plane: null }])).toBe(false);
    expect(isVolume(stack(0, 5, 10, 15, 20))).toBe(false);
  });
  it("is upright: of a tilted gantry each slice lies beside the one before", () => {
    const tilted = (mm: number) =>
      [0, 5, 10, 15, 20, 25].map((z, at) => ({ ...axial(z), plane: { ...plane(z), position: [0, mm * at, z] as const } }));
    expect(isVolume(tilted(0.19))).toBe(true); // a millimetre over the whole block
    expect(isVolume(tilted(0.21))).toBe(false);
    expect(isVolume(tilted(-1.3))).toBe(false);
  });
});

describe("outlines", () => {
  it("have areas, also ellipses, and stay inside the image", () => {
    expect(areaOf([[0, 0], [4, 0], [4, 3], [0, 3]])).toBe(12);
    expect(areaOf(ellipse([0, 0], [20, 10], 256))).toBeCloseTo(Math.PI * 50, 0);
    expect(inside([[-3, 5], [250, 120]], axial(0))).toEqual([[0, 5], [200, 100]]);
  });
  it("drawn by hand lose the points that are too close", () => {
    expect(thinned([[0, 0], [0.5, 0], [1.5, 0], [2, 0], [3, 0]], 1.5)).toEqual([[0, 0], [1.5, 0], [3, 0]]);
  });
  it("keep to a number of corners and to their form", () => {
    const circle = ellipse([0, 0], [200, 200], 1000);
    const fewer = reduced(circle, 100);
    expect(fewer.length).toBeLessThanOrEqual(100);
    expect(areaOf(fewer)).toBeCloseTo(areaOf(circle), -3);
    expect(reduced([[0, 0], [1, 0]], 2)).toHaveLength(2);
  });
});

it("a place goes to the pane by the matrix", () => {
  expect(onPane({ a: 2, b: 0, c: 0, d: 3, e: 10, f: 20 }, [5, 7])).toEqual([20, 41]);
});
