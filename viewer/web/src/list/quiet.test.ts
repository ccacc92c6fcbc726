import { describe, expect, it } from "vitest";

import { isQuiet } from "./quiet";

const at = (hours: number, minutes: number) => new Date(2026, 2, 1, hours, minutes);

describe("quiet hours", () => {
  it.each<[string | null, string | null, number, number, boolean]>([
    ["22:00", "06:30", 21, 59, false],
    ["22:00", "06:30", 22, 0, true],
    ["22:00", "06:30", 0, 0, true],
    ["22:00", "06:30", 6, 29, true],
    ["22:00", "06:30", 6, 30, false],
    ["12:00", "13:00", 11, 59, false],
    ["12:00", "13:00", 12, 0, true],
    ["12:00", "13:00", 13, 0, false],
    ["12:00", "12:00", 12, 0, false],
    [null, "13:00", 12, 0, false],
    ["12:00", null, 12, 0, false],
  ])("from %s to %s at %i:%i are %s", (from, to, hours, minutes, quiet) => {
    expect(isQuiet(from, to, at(hours, minutes))).toBe(quiet);
  });
});
