import { describe, expect, it } from "vitest";

import { type Captioned, placeWords } from "./markWords";

const around = (left: number, top: number, side = 20): Captioned => ({
  outline: { left, top, right: left + side, bottom: top + side },
  width: 100,
  height: 30,
});

describe("the words of marks", () => {
  it("stand above their outline, or below where there is no room", () => {
    expect(placeWords([around(50, 100)])).toEqual([[50, 65]]);
    expect(placeWords([around(50, 10)])).toEqual([[50, 35]]);
  });

  it("cover neither one another nor an outline while there is a free place", () => {
    const marks = [around(50, 200), around(60, 240), around(90, 180, 15), around(300, 200)];
    const boxes = placeWords(marks).map(([left, top], at) => ({
      left,
      top,
      right: left + (marks[at]?.width ?? 0),
      bottom: top + (marks[at]?.height ?? 0),
    }));
    const all = [...boxes, ...marks.map(({ outline }) => outline)];
    for (const [at, one] of boxes.entries()) {
      for (const [other, box] of all.entries()) {
        if (other === at) continue;
        const apart =
          one.right <= box.left || box.right <= one.left || one.bottom <= box.top || box.bottom <= one.top;
        expect(apart, `words ${at} and ${other}`).toBe(true);
      }
    }
  });

  it("have a place also where nothing is free", () => {
    expect(placeWords(Array.from({ length: 20 }, () => around(100, 100)))).toHaveLength(20);
  });
});
