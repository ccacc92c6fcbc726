import { describe, expect, it } from "vitest";

import type { Evidence, Lesion, Region, Series } from "./api";
import {
  byKind,
  extentOf,
  frameScores,
  regionLabel,
  scoreWords,
  seriesName,
  sliceWords,
  suspicion,
  turnedWords,
} from "./evidence";
import { framesOf } from "./frames";

const series = (uid: string, frames: number[]): Series => ({
  series_instance_uid: uid,
  modality: "CT",
  description: "",
  body_part: "CHEST",
  instances: frames.map((count, index) => ({
    sop_instance_uid: `${uid}.${index + 1}`,
    instance_number: index + 1,
    number_of_frames: count,
    rows: 512,
    columns: 512,
  })),
});
const region = (uid: string, frame: number, lesion: number | null, score = 0.5): Region => ({
  detector: "nodule",
  number: 1,
  sop_instance_uid: uid,
  frame_number: frame,
  polygon: [],
  score,
  kind: "",
  lesion,
});
const lesion = (first: string, last = first): Lesion => ({
  number: 1,
  score: 0.9,
  centre_mm: null,
  diameter_mm: 6,
  first_image: first,
  last_image: last,
});
const scored = (detector: string, scores: [string, number, number][]): Evidence => ({
  detector,
  image_scores: scores.map(([uid, frame, score]) => ({
    sop_instance_uid: uid,
    frame_number: frame,
    score,
  })),
  kinds: [],
  lesions: [],
  turned: [],
});

describe("images that were turned to be looked at", () => {
  const turned = { sop_instance_uid: "1.1", frame_number: 1, quarters: 3 };

  it("are counted, and nothing is said where there is none", () => {
    const said = [[], [turned], [turned, turned]].map((all) =>
      turnedWords({ ...scored("a", []), turned: all }),
    );
    expect(said).toEqual([
      "",
      "1 image lies on its side and was turned to be looked at.",
      "2 images lie on their side and were turned to be looked at.",
    ]);
  });
});

describe("the score of a frame", () => {
  it("is the highest that any detector gives it, and none where none does", () => {
    const frames = framesOf(series("1", [1, 2, 1]));
    const evidence = [
      scored("a", [["1.1", 1, 0.2], ["1.2", 2, 0.4]]),
      scored("b", [["1.1", 1, 0.9], ["9.9", 1, 1]]),
    ];
    expect(frameScores(frames, evidence)).toEqual([0.9, null, 0.4, null]);
  });

  it("is said in words that never call an image healthy", () => {
    expect([0, 0.49, 0.5, 0.79, 0.8, 1].map(suspicion)).toEqual([
      "weakly suspect",
      "weakly suspect",
      "suspect",
      "suspect",
      "strongly suspect",
      "strongly suspect",
    ]);
    expect([null, 0.49, 0.5].map(scoreWords)).toEqual(["", "", ", suspect"]);
  });
});

describe("a lesion", () => {
  const study = [series("1", [1]), series("2", [1, 1, 1, 1, 1])];

  it("reaches from its first to its last image, whichever way the series runs", () => {
    const up = extentOf(lesion("2.2", "2.4"), "nodule", study, []);
    const down = extentOf(lesion("2.4", "2.2"), "nodule", study, []);
    expect(up).toEqual({ seriesAt: 1, first: 1, last: 3, surest: 2 });
    expect(down).toEqual(up);
    expect(up !== null && sliceWords(up)).toBe("slices 2 to 4");
  });

  it("is opened where its surest cut is, not that of another lesion or detector", () => {
    const regions = [
      region("2.2", 1, 1, 0.3),
      region("2.4", 1, 1, 0.6),
      region("2.1", 1, 2, 0.9),
      { ...region("2.5", 1, 1, 0.9), detector: "other" },
    ];
    const found = extentOf(lesion("2.2", "2.4"), "nodule", study, regions);
    expect(found).toEqual({ seriesAt: 1, first: 1, last: 3, surest: 3 });
  });

  it("in one object of many frames reaches as far as its cuts", () => {
    const regions = [region("3.1", 7, 1), region("3.1", 8, 1, 0.9)];
    const found = extentOf(lesion("3.1"), "nodule", [series("3", [20])], regions);
    expect(found).toEqual({ seriesAt: 0, first: 6, last: 7, surest: 7 });
  });

  it("on one image is on one slice", () => {
    const found = extentOf(lesion("2.3"), "nodule", study, []);
    expect(found !== null && sliceWords(found)).toBe("slice 3");
  });

  it("on images that are not here is nowhere", () => {
    expect(extentOf(lesion("9.1", "9.2"), "nodule", study, [])).toBeNull();
  });
});

describe("a region", () => {
  it("is named by its kind, else by who saw it, with the number of its lesion", () => {
    expect(regionLabel(region("1.1", 1, null))).toBe("nodule");
    expect(regionLabel(region("1.1", 1, 3))).toBe("nodule 3");
    expect(regionLabel({ ...region("1.1", 1, null), kind: "subdural" })).toBe("subdural");
  });
});

describe("regions", () => {
  it("are told apart by what they show, in the order in which each kind comes first", () => {
    const plain = region("1.1", 1, null);
    const skull = { ...region("1.2", 1, null), kind: "fracture of the skull" };
    const other = { ...region("1.3", 1, null), kind: "fracture of the skull" };
    expect(byKind([skull, plain, other])).toEqual([
      ["fracture of the skull", [skull, other]],
      ["", [plain]],
    ]);
    expect(byKind([])).toEqual([]);
  });
});

describe("a series that was not used", () => {
  it("is named by its description, or else by its place in the study", () => {
    const bone = { ...series("1.7", [1]), description: "AXIAL BONE" };
    const study = [series("1.2", [1]), bone];
    expect(["1.7", "1.2", "1.9"].map((uid) => seriesName(uid, study))).toEqual([
      "AXIAL BONE",
      "series 1",
      "a series that is no longer here",
    ]);
  });
});
