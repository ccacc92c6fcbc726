import { describe, expect, it } from "vitest";

import { figureName, figureWords, plainFigures, subgroupsOf } from "./figures";

describe("a figure of a card", () => {
  it.each([
    ["auc", "AUC"],
    ["map50", "mAP50"],
    ["box_hit_rate", "box hit rate"],
  ])("%s is called %s", (name, said) => {
    expect(figureName(name)).toBe(said);
  });

  it("is said with three places that count, and never invented", () => {
    expect(figureWords(0.865793)).toBe("0.866");
    expect(figureWords(252)).toBe("252");
    expect(figureWords(null)).toBe("not measured");
    expect(figureWords([0.793621, 0.915416], true)).toBe("0.794 to 0.915");
    expect(figureWords([0.7, 0.9])).toBe("0.7, 0.9");
    expect(figureWords("on 252 images")).toBe("on 252 images");
  });

  it("stands on a line of its own, but for tables and what is empty", () => {
    const figures = {
      n: 3,
      failed: [],
      auc: 0.15,
      auc_ci95: [0.1, 0.2],
      subgroups: {},
      bins: [[1, 2]],
    };
    expect(plainFigures(figures)).toEqual([
      ["n", "3"],
      ["AUC", "0.15 (0.1 to 0.2)"],
    ]);
  });
});

describe("subgroups", () => {
  it("are a table with every figure that any of them has, intervals beside", () => {
    const subgroups = { hand: { n: 12, auc: 0.9, auc_ci95: [0.8, 0.95] }, no_metal: { n: 3, ece: 0.1 } };
    expect(subgroupsOf({ subgroups })).toEqual({
      columns: ["n", "AUC", "ECE"],
      rows: [
        { name: "hand", cells: ["12", "0.9 (0.8 to 0.95)", ""] },
        { name: "no metal", cells: ["3", "", "0.1"] },
      ],
    });
  });

  it("that a card does not have are no table", () => {
    expect(subgroupsOf({})).toBeNull();
    expect(subgroupsOf({ subgroups: {} })).toBeNull();
    expect(subgroupsOf({ subgroups: [1] })).toBeNull();
  });
});
