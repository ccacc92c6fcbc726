import { describe, expect, it } from "vitest";

import { CT_PRESETS, dragged, firstWindow, isExact, presetOf, rangeOfWindow, windowOfAll, windowOfRange } from "./windows";

describe("windows", () => {
  it("are chosen by the part of the body for CT, and left as sent for the rest", () => {
    expect(firstWindow("CT", "HEAD")).toBe("brain");
    expect(firstWindow("CT", "", "Tête sans injection")).toBe("brain");
    expect(firstWindow("CT", "HEAD", "BONE 1.0")).toBe("bone");
    expect(firstWindow("CT", "CHEST", "LUNG 1.0")).toBe("lung");
    expect(firstWindow("CT", "CHEST", "MEDIASTINUM")).toBe("mediastinum");
    expect(firstWindow("CT", "")).toBe("softTissue");
    expect(firstWindow("DX", "CHEST")).toBeNull();
    expect(firstWindow("MR", "HEAD")).toBeNull();
  });

  it("go to the range of grey and back (PS3.3 C.11.2.1.2)", () => {
    expect(rangeOfWindow({ center: 40, width: 80 }, false)).toEqual({ lower: 0, upper: 79 });
    expect(windowOfRange({ lower: 0, upper: 79 }, false)).toEqual({ center: 40, width: 80 });
  });

  it("of floating point are meant to the point (PS3.3 C.11.2.1.3.2)", () => {
    expect(rangeOfWindow({ center: 0.5, width: 1 }, true)).toEqual({ lower: 0, upper: 1 });
    expect(windowOfRange({ lower: 0, upper: 1 }, true)).toEqual({ center: 0.5, width: 1 });
    expect(windowOfAll(2, 2, true)).toEqual({ center: 2, width: 1 });
    const integer = { stored: "integer", voiFunction: "LINEAR" } as const;
    expect(isExact(integer)).toBe(false);
    expect(isExact({ ...integer, stored: "float" })).toBe(true);
    expect(isExact({ ...integer, voiFunction: "LINEAR_EXACT" })).toBe(true);
    expect(isExact(null)).toBe(false);
  });

  it("are dragged as finely as they are narrow", () => {
    expect(dragged({ center: 40, width: 60 }, 4, -4, false)).toEqual({ center: 39, width: 61 });
    expect(dragged({ center: 40, width: 3000 }, 1, 1, false)).toEqual({ center: 50, width: 3010 });
    expect(dragged({ center: 40, width: 2 }, -100, 0, false).width).toBe(1);
    const fine = dragged({ center: 0.5, width: 0.3 }, 100, 100, true);
    expect(fine.center).toBeCloseTo(0.6);
    expect(fine.width).toBeCloseTo(0.4);
    expect(dragged({ center: 0.5, width: 0.3 }, -999, 0, true).width).toBeCloseTo(0.03);
  });

  it("are known by their values", () => {
    for (const preset of CT_PRESETS) expect(presetOf(preset)).toBe(preset.name);
    expect(presetOf({ center: 41, width: 80 })).toBeNull();
  });
});
