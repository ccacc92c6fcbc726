import { describe, expect, it } from "vitest";

import type { Region, Series } from "../api";
import { nextStop, stopsOf } from "./findings";

const series = (uid: string, count: number): Series => ({
  series_instance_uid: uid, modality: "CT", description: "", body_part: "",
  instances: Array.from({ length: count }, (_, at) => ({
    sop_instance_uid: `${uid}.${at}`, instance_number: at, number_of_frames: 1, rows: 8, columns: 8,
  })),
});
const region = (uid: string, score: number, lesion: number | null = 1): Region => ({
  detector: "d", number: 1, sop_instance_uid: uid, frame_number: 1, polygon: [], score, kind: "", lesion,
});

describe("the way through the marks", () => {
  const both = [series("1", 10), series("2", 4)];
  const regions = [
    region("1.2", 0.4), region("1.3", 0.9), region("1.4", 0.5),
    region("1.4", 0.7, 2), region("1.8", 0.3), region("2.0", 0.2, null),
  ];
  it("stops once at each thing, at its surest slice, and again where it shows again", () => {
    expect(stopsOf(both, regions)).toEqual([
      { seriesAt: 0, index: 3 },
      { seriesAt: 0, index: 4 },
      { seriesAt: 0, index: 8 },
      { seriesAt: 1, index: 0 },
    ]);
    expect(stopsOf(both, [])).toEqual([]);
  });
  it("goes round and round, both ways", () => {
    const stops = stopsOf(both, regions);
    expect(nextStop(stops, { seriesAt: 0, index: 4 }, 1)).toEqual({ seriesAt: 0, index: 8 });
    expect(nextStop(stops, { seriesAt: 1, index: 0 }, 1)).toEqual({ seriesAt: 0, index: 3 });
    expect(nextStop(stops, { seriesAt: 0, index: 3 }, -1)).toEqual({ seriesAt: 1, index: 0 });
    expect(nextStop(stops, { seriesAt: 0, index: 6 }, -1)).toEqual({ seriesAt: 0, index: 4 });
    expect(nextStop([], { seriesAt: 0, index: 0 }, 1)).toBeNull();
  });
});
