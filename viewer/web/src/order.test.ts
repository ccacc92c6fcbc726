import { describe, expect, it } from "vitest";

import { countChanges, holdOrder } from "./order";

const order = (text: string) => text.split("");

describe("changes waiting while the list is held", () => {
  it.each([
    ["abc", "abc", 0],
    ["abcdef", "fabcde", 1], // one study rose; the others only made room
    ["abc", "cba", 2],
    ["abc", "abcd", 1],
    ["abc", "ac", 1],
    ["abc", "dca", 3], // d came, b left, c rose
    ["", "ab", 2],
  ])("from %s to %s are %i", (shown, next, count) => {
    expect(countChanges(order(shown), order(next))).toBe(count);
  });
});

describe("a held list", () => {
  it("keeps its order and its leavers, and shows what is new in each row", () => {
    const held = [
      { uid: "a", place: 1, state: "running" },
      { uid: "b", place: 2, state: "flagged" },
    ];
    const latest = [
      { uid: "c", place: 1, state: "running" },
      { uid: "a", place: 2, state: "flagged" },
    ];
    const rows = holdOrder(
      held,
      latest,
      (row) => row.uid,
      (row, fresh) => ({ ...fresh, place: row.place }),
    );
    expect(rows).toEqual([
      { uid: "a", place: 1, state: "flagged" },
      { uid: "b", place: 2, state: "flagged" },
    ]);
  });
});
