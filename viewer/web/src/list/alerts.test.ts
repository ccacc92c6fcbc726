import { describe, expect, it } from "vitest";

import { untold } from "./alerts";

const flag = (id: number, at = "12:00") => ({ event_id: id, at });

describe("a flag", () => {
  it("is told once, in whatever order it is heard of", () => {
    const live = untold([flag(9)], []);
    expect(live.news).toEqual([flag(9)]);
    const missed = untold([flag(7), flag(9)], live.told);
    expect(missed.news).toEqual([flag(7)]);
    expect(untold([flag(7), flag(9)], missed.told).news).toEqual([]);
  });

  it("is another one if a node that was set up anew counts from one again", () => {
    const { told } = untold([flag(1, "2025")], []);
    expect(untold([flag(1, "2026")], told).news).toEqual([flag(1, "2026")]);
  });

  it("is remembered for a while only", () => {
    const many = Array.from({ length: 400 }, (_, id) => flag(id));
    expect(untold(many, []).told).toHaveLength(300);
    expect(untold([flag(399)], untold(many, []).told).news).toEqual([]);
  });
});
