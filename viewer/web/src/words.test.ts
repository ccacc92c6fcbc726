import { describe, expect, it } from "vitest";

import { age, due, duration, personName, probability, ranges, STATE_WORDS, unbroken } from "./words";

const MINUTE = 60_000;

describe("a name", () => {
  it.each([
    ["Smith^Ann", "Smith, Ann"],
    ["Smith^Ann^Mary^Dr^MD", "Smith, Ann Mary MD"],
    ["Smith", "Smith"],
    ["^Ann", "Ann"],
    ["", "(no name)"],
    ["Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田 太郎)"],
    ["=山田^太郎", "山田 太郎"],
    ["<script>^x", "<script>, x"],
  ])("%s is said %s", (received, said) => {
    expect(personName(received)).toBe(said);
  });
});

describe("an age", () => {
  const at = new Date(2026, 2, 15, 12).getTime();
  it.each([
    ["1959-03-15", "67 y"],
    ["1959-03-16", "66 y"],
    ["2024-03-15", "2 y"],
    ["2024-03-16", "23 mo"],
    ["2026-03-06", "9 d"],
    ["2027-01-01", ""],
    [null, ""],
  ])("of one born %s is %s", (born, said) => {
    expect(age(born, at)).toBe(said);
  });
});

describe("a due time", () => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  it.each([
    [12 * MINUTE, "in 12 min", false, true],
    [15 * MINUTE, "in 15 min", false, false],
    [125 * MINUTE, "in 2 h 05 min", false, false],
    [59_999, "due now", false, true],
    [60_000, "in 1 min", false, true],
    [-59_999, "due now", false, true],
    [-60_000, "1 min late", true, false],
    [-26 * 60 * MINUTE, "1 d 2 h late", true, false],
  ])("%i ms away is %s", (left, words, late, soon) => {
    const at = new Date(now + left).toISOString();
    expect(due(at, now)).toEqual({ words, late, soon });
  });

  it("is said in at most two units", () => {
    expect(duration(24 * 60 * MINUTE)).toBe("1 d");
    expect(duration(60 * MINUTE)).toBe("1 h");
  });
});

describe("a probability", () => {
  it.each([
    [0.914, "0.91"],
    [0.9999, "> 0.99"],
    [0.001, "< 0.01"],
    [1, "1.00"],
    [0, "0.00"],
  ])("%f is said %s", (p, said) => {
    expect(probability(p)).toBe(said);
  });
});

describe("states", () => {
  it("are all different and none says normal", () => {
    const words = Object.values(STATE_WORDS);
    expect(new Set(words).size).toBe(words.length);
    expect(words.join(" ")).not.toMatch(/normal|negative|healthy/i);
  });
});

describe("a reason", () => {
  it("breaks between its terms, not between a number and its unit", () => {
    expect(unbroken("routine 24 h; fracture 0.91 → 2 h 12 min")).toBe(
      "routine 24\u00a0h; fracture 0.91 →\u00a02\u00a0h 12\u00a0min",
    );
  });
});

describe("slice numbers", () => {
  it("are drawn together in runs", () => {
    expect(ranges([3, 5, 6, 7, 8, 11, 12])).toBe("3, 5 to 8, 11, 12");
    expect(ranges([])).toBe("");
  });
});
