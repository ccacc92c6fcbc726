import { describe, expect, it } from "vitest";

import type { Region, Series } from "./api";
import { firstFrame, firstSeries, framesOf, markedFrames, revealedPlace, surestPlace } from "./frames";

const series = (uid: string, frames: number[], rows: number | null = 512): Series => ({
  series_instance_uid: uid,
  modality: "CT",
  description: "",
  body_part: "HEAD",
  instances: frames.map((count, index) => ({
    sop_instance_uid: `${uid}.${index + 1}`,
    instance_number: index + 1,
    number_of_frames: count,
    rows,
    columns: 512,
  })),
});
const region = (uid: string, frame: number, score: number): Region => ({
  detector: "d",
  number: 1,
  sop_instance_uid: uid,
  frame_number: frame,
  polygon: [],
  score,
  kind: "",
  lesion: null,
});

describe("the frames of a series", () => {
  it("count multi-frame objects frame by frame and leave out what has no pixels", () => {
    expect(framesOf(series("1", [1, 3])).map((f) => [f.sopInstanceUid, f.frameNumber])).toEqual([
      ["1.1", 1],
      ["1.2", 1],
      ["1.2", 2],
      ["1.2", 3],
    ]);
    expect(framesOf(series("1", [1], null))).toEqual([]);
  });

  it("know which of them are marked", () => {
    const frames = framesOf(series("1", [1, 3]));
    expect(markedFrames(frames, [region("1.2", 2, 0.5), region("1.1", 1, 0.1)])).toEqual([0, 2]);
  });
});

describe("what is opened first", () => {
  const both = [series("1", [1]), series("2", [1, 1, 1])];
  it("is the surest region", () => {
    const regions = [region("1.1", 1, 0.2), region("2.3", 1, 0.9)];
    expect(firstSeries(both, regions)).toBe(1);
    expect(firstFrame(framesOf(series("2", [1, 1, 1])), regions)).toBe(2);
  });
  it("is a lesion before what its detector marks besides, and not before others' places", () => {
    const blood = { ...region("2.1", 1, 0.4), lesion: 1 };
    const fractureOfSkull = region("2.3", 1, 0.9);
    const limb = { ...region("1.1", 1, 0.8), detector: "fracture" };
    expect(firstFrame(framesOf(series("2", [1, 1, 1])), [fractureOfSkull, blood])).toBe(0);
    expect(firstSeries(both, [fractureOfSkull, blood, limb])).toBe(0);
    expect(firstFrame(framesOf(series("2", [1, 1, 1])), [fractureOfSkull])).toBe(2);
  });
  it("is the middle of the first series with pixels when nothing is marked", () => {
    expect(firstSeries([series("0", [1], null), ...both], [])).toBe(1);
    expect(firstFrame(framesOf(series("2", [1, 1, 1])), [])).toBe(1);
  });
});

describe("the surest place of a study", () => {
  const both = [series("1", [1]), series("2", [1, 2])];
  it("is a frame of a series", () => {
    expect(surestPlace(both, [region("1.1", 1, 0.2), region("2.2", 2, 0.9)])).toEqual({ seriesAt: 1, index: 2 });
  });
  it("is nowhere without marks, or where the marked images are not here", () => {
    expect(surestPlace(both, [])).toBeNull();
    expect(surestPlace(both, [region("3.1", 1, 0.9)])).toBeNull();
  });
});

describe("the place to go to after a first look", () => {
  const both = [series("1", [1]), series("2", [1, 2])];
  const seenBefore = { ...region("1.1", 1, 0.9), detector: "fracture" };
  const revealed = { ...region("2.2", 2, 0.2), detector: "haemorrhage" };
  it("is the surest of what was withheld, however sure what was seen before is", () => {
    const after = { series: both, regions: [seenBefore, revealed] };
    expect(revealedPlace({ withheld: ["haemorrhage"] }, after)).toEqual({ seriesAt: 1, index: 2 });
    expect(revealedPlace({ withheld: ["haemorrhage", "fracture"] }, after)).toEqual({ seriesAt: 0, index: 0 });
  });
  it("is nowhere when nothing that was withheld is marked", () => {
    const after = { series: both, regions: [seenBefore] };
    expect(revealedPlace({ withheld: ["haemorrhage"] }, after)).toBeNull();
    expect(revealedPlace({}, after)).toBeNull();
  });
});
