import { describe, expect, it } from "vitest";

import { CT_PRESETS, firstWindow, presetOf, rangeOfWindow, windowOfRange } from "./windows";

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
    expect(rangeOfWindow({ center: 40, width: 80 })).toEqual({ lower: 0, upper: 79 });
    expect(windowOfRange({ lower: 0, upper: 79 })).toEqual({ center: 40, width: 80 });
  });

  it("are known by their values", () => {
    for (const preset of CT_PRESETS) expect(presetOf(preset)).toBe(preset.name);
    expect(presetOf({ center: 41, width: 80 })).toBeNull();
  });
});
