import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Detector } from "./api";
import { chooseLanguage, t } from "./language";
import {
  age,
  calendarDay,
  decimals,
  due,
  duration,
  flaggedWords,
  fullTime,
  personName,
  probability,
  ranges,
  stateWords,
  timeOfDay,
  unbroken,
} from "./words";

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
    [12 * MINUTE, "in 12 min", "Due in 12 min", false, true],
    [15 * MINUTE, "in 15 min", "Due in 15 min", false, false],
    [125 * MINUTE, "in 2 h 05 min", "Due in 2 h 05 min", false, false],
    [59_999, "due now", "Due now", false, true],
    [60_000, "in 1 min", "Due in 1 min", false, true],
    [-59_999, "due now", "Due now", false, true],
    [-60_000, "1 min late", "Due 1 min ago", true, false],
    [-26 * 60 * MINUTE, "1 d 2 h late", "Due 1 d 2 h ago", true, false],
  ])("%i ms away is %s", (left, words, sentence, late, soon) => {
    const at = new Date(now + left).toISOString();
    expect(due(at, now)).toEqual({ words, sentence, late, soon });
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

const STATES = [
  "not_run_yet",
  "running",
  "flagged",
  "not_flagged",
  "not_applicable",
  "failed",
  "too_late",
  "stopped",
] as const;

describe("states", () => {
  it.each(["en", "fr"])("are all different in %s and none says normal", (lng) => {
    const words = STATES.map((state) => t(`state.${state}`, { lng }));
    expect(new Set(words).size).toBe(words.length);
    expect(words.join(" ")).not.toMatch(/normal|negative|healthy|négatif|sain/i);
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

describe("in French", () => {
  beforeAll(() => {
    chooseLanguage("fr");
  });
  afterAll(() => {
    chooseLanguage("en");
  });
  const noon = new Date(2026, 2, 15, 12).getTime();
  const inTwoHours = new Date(noon + 125 * MINUTE).toISOString();

  it("times and ages are French, their numbers and units on one line", () => {
    expect(due(inTwoHours, noon).words).toBe("dans 2\u00a0h\u00a005\u00a0min");
    expect(due(new Date(noon - 26 * 60 * MINUTE).toISOString(), noon).words).toBe(
      "retard 1\u00a0j 2\u00a0h",
    );
    expect(age("1959-03-15", noon)).toBe("67\u00a0ans");
    expect(timeOfDay(inTwoHours, noon)).toBe("14:05");
    expect(fullTime(inTwoHours)).toContain("dimanche 15 mars 2026");
    expect(calendarDay("1959-03-01")).toBe("1 mars 1959");
  });

  it("a state agrees with its finding", () => {
    const flagged = { state: "flagged", target: "fracture" } as Detector;
    expect(stateWords(flagged)).toBe("signalée");
    expect(flaggedWords(flagged, 0.914)).toBe("signalée 0,91");
    expect(stateWords({ ...flagged, state: "not_flagged" })).toBe("non signalée");
    expect(stateWords({ ...flagged, state: "failed" })).toBe("échec");
    expect(stateWords({ ...flagged, target: "pulmonary_nodule" })).toBe("signalé");
  });

  it("numbers have a decimal comma", () => {
    expect(probability(0.914)).toBe("0,91");
    expect(probability(0.9999)).toBe(">\u00a00,99");
    expect(decimals(12.34, 1)).toBe("12,3");
  });

  it("plurals are those of French: none counts as one", () => {
    expect([0, 1, 2].map((count) => t("row.images", { count }))).toEqual([
      "0\u00a0image",
      "1\u00a0image",
      "2\u00a0images",
    ]);
    expect(t("list.studies", { count: 1_000_000 })).toMatch(/^1.000.000 d’examens$/u);
  });

  it("what is unbroken in English is in French", () => {
    expect(unbroken("3 j 4 h")).toBe("3\u00a0j 4\u00a0h");
  });
});
