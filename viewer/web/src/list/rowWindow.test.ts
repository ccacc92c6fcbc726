import { describe, expect, it } from "vitest";

import { inCommon, isAsWide, joinHeld, near, WINDOW_ROWS, windowOffset } from "./rowWindow";

describe("the window of the list that is asked for", () => {
  it.each([
    [0, 0],
    [19, 0],
    [20, 0],
    [39, 0],
    [40, 20],
    [50_000, 49_980],
  ])("with row %i at the top begins at %i", (first, offset) => {
    expect(windowOffset(first)).toBe(offset);
  });

  it("always reaches sixty rows further than the topmost: a tall screen of close rows", () => {
    for (let first = 0; first < 1000; first += 1) {
      const offset = windowOffset(first);
      expect(offset).toBeLessThanOrEqual(first);
      expect(offset + WINDOW_ROWS - first).toBeGreaterThan(60);
    }
  });
});

const rows = (text: string) => text.split("");
const same = (row: string) => row;
const join = (held: [number, string], latest: [number, string]) => {
  const joined = joinHeld(
    { offset: held[0], rows: rows(held[1]) },
    { offset: latest[0], rows: rows(latest[1]) },
    same,
    (_, fresh) => fresh,
  );
  return joined === null ? null : [joined.offset, joined.rows.join("")];
};

describe("a held window", () => {
  it.each<[string, [number, string], [number, string], [number, string]]>([
    ["keeps its order", [10, "abc"], [10, "cab"], [10, "abc"]],
    ["keeps who left", [10, "abc"], [10, "acd"], [10, "abc"]],
    ["goes on below", [10, "abc"], [11, "bcde"], [10, "abcde"]],
    ["goes on above", [10, "abc"], [8, "yzab"], [8, "yzabc"]],
    ["keeps all when all have left", [10, "abc"], [0, ""], [10, "abc"]],
    ["shows no study twice", [10, "abc"], [10, "dabce"], [10, "abce"]],
    ["shows no study twice above", [10, "abc"], [8, "bzabc"], [9, "zabc"]],
  ])("%s", (_, held, latest, shown) => {
    expect(join(held, latest)).toEqual(shown);
  });

  it("is let go when nothing of it is in sight", () => {
    expect(join([10, "abc"], [13, "def"])).toBeNull();
    expect(join([10, "abc"], [7, "xyz"])).toBeNull();
  });
});

describe("what two windows have in common", () => {
  it("is compared place by place", () => {
    const common = inCommon({ offset: 2, rows: rows("cdef") }, { offset: 4, rows: rows("efgh") });
    expect(common).toEqual([rows("ef"), rows("ef")]);
    expect(inCommon({ offset: 0, rows: rows("ab") }, { offset: 5, rows: rows("fg") })).toEqual([[], []]);
  });
});

describe("what is held while one scrolls", () => {
  const window = (from: number, to: number) => ({
    offset: from,
    rows: Array.from({ length: to - from }, (_, step) => from + step),
  });

  it("is as wide as another only over the same places", () => {
    expect(isAsWide(window(10, 20), window(10, 20))).toBe(true);
    expect(isAsWide(window(10, 20), window(10, 21))).toBe(false);
    expect(isAsWide(window(10, 20), window(11, 21))).toBe(false);
  });

  it("ends a hundred rows from what is asked for", () => {
    expect(near(window(0, 1000), window(400, 500))).toEqual(window(300, 600));
    expect(near(window(380, 450), window(400, 500))).toEqual(window(380, 450));
  });
});
