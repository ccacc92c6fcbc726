import { describe, expect, it } from "vitest";

import { type Filters, filtersOf, isFiltered, NO_FILTERS, queryOf, toggled } from "./filters";

describe("filters", () => {
  it("ask for everything unread when none is set", () => {
    expect(queryOf(NO_FILTERS)).toBe("");
    expect(isFiltered(NO_FILTERS)).toBe(false);
    expect(isFiltered({ ...NO_FILTERS, text: "   " })).toBe(false);
  });

  it("come back from their query", () => {
    const filters: Filters = {
      modalities: ["CT", "MR"],
      bodyParts: ["C-SPINE & NECK"],
      priorities: ["stat"],
      states: ["flagged", "fracture:failed"],
      mine: true,
      free: true,
      read: true,
      text: "żółć 100% <b>",
    };
    expect(filtersOf(queryOf(filters))).toEqual(filters);
  });

  it("that are equal are one query, in whatever order they were set", () => {
    const one = queryOf({ ...NO_FILTERS, modalities: ["MR", "CT"] });
    expect(one).toBe(queryOf({ ...NO_FILTERS, modalities: ["CT", "MR"] }));
    expect(one).toBe("modality=CT&modality=MR");
  });

  it("pass over what they do not know", () => {
    expect(filtersOf("priority=yesterday&colour=blue&mine=1")).toEqual(NO_FILTERS);
  });

  it("are switched on and off", () => {
    expect(toggled(["CT"], "MR")).toEqual(["CT", "MR"]);
    expect(toggled(["CT", "MR"], "CT")).toEqual(["MR"]);
  });
});
