import { describe, expect, it } from "vitest";

import { NOWHERE, settled, stepped } from "./cursor";

const shown = (offset: number, text: string) => ({ offset, rows: text.split("") });
const uid = (row: string) => row;

describe("the cursor", () => {
  it("follows its study", () => {
    expect(settled({ uid: "c", index: 12 }, shown(10, "cab"), uid)).toEqual({ uid: "c", index: 10 });
  });

  it("stays at the place of a study that left, and never takes another for it", () => {
    const gone = { uid: "x", index: 11 };
    expect(settled(gone, shown(10, "abc"), uid)).toBe(gone);
  });

  it("takes the study of its place once that is loaded", () => {
    const waiting = { uid: null, index: 50 };
    expect(settled(waiting, shown(0, "abc"), uid)).toBe(waiting);
    expect(settled(waiting, shown(49, "abc"), uid)).toEqual({ uid: "b", index: 50 });
    expect(settled(NOWHERE, shown(0, "abc"), uid)).toBe(NOWHERE);
  });

  it.each([
    ["down", 3, 4],
    ["down", 9, 9],
    ["down", -1, 0],
    ["up", 0, 0],
    ["up", -1, 0],
    ["page_down", 3, 8],
    ["page_up", 3, 0],
    ["top", 7, 0],
    ["bottom", 7, 9],
    ["claim", 7, null],
  ] as const)("with %s goes from %i to %s", (action, from, to) => {
    expect(stepped(action, from, 10, 5)).toBe(to);
  });

  it("goes nowhere in an empty list", () => {
    expect(stepped("down", -1, 0, 5)).toBeNull();
  });
});
