import { describe, expect, it } from "vitest";

import type { Detector, Study } from "../api";
import { chooseLanguage, t } from "../language";
import { awaitingFirstLook, findingWords, firstLookTargets, imagesCame, myAgreement, myFirstLook, nextUnanswered, openingAnswers, othersAgreements, priorsWords, type Reading, WHOLE } from "./reading";
import { clockWords, NOT_BEGUN, secondsOf, ticked } from "./readingClock";

describe("the reading clock", () => {
  const run = (steps: [number, boolean][]) =>
    secondsOf(steps.reduce((clock, [at, isThere]) => ticked(clock, at, isThere), NOT_BEGUN));
  it("counts the time between two looks at it while the person is there", () => {
    expect(run([[1000, true], [2000, true], [4000, true]])).toBe(3);
  });
  it("counts nothing while nobody is there, nor what came before", () => {
    expect(run([[1000, true], [2000, false], [9000, false], [9500, true], [10_500, true]])).toBe(2);
    expect(run([[1000, true]])).toBe(0);
  });
  it("does not count a machine that slept, or a clock that was set back", () => {
    expect(run([[0, true], [5000, true]])).toBe(5);
    expect(run([[0, true], [5001, true]])).toBe(0);
    expect(run([[9000, true], [1000, true], [2000, true]])).toBe(1);
  });
  it("is said as people say it", () => {
    expect([7, 750, 3723].map(clockWords)).toEqual(["0:07", "12:30", "1:02:03"]);
  });
});

const said = { by: "anna", display_name: "Dr Anna", at: "2026-01-01T00:00:00Z" };
const reading: Reading = {
  targets: ["fracture"], open_targets: [], assessment_number: 1, modes: { a: "after_first_look", b: "triage_only", c: "after_first_look" },
  revealed: {}, first_look: [
    { ...said, mine: true, answers: { fracture: "absent" } },
    { ...said, mine: false, answers: { pulmonary_nodule: "present" } },
  ],
  conclusions: [], agreements: [
    { ...said, mine: true, detector: "a", lesion: 1, region: null, agrees: true, comment: null },
    { ...said, mine: true, detector: "a", lesion: 1, region: null, agrees: false, comment: null },
    { ...said, mine: false, detector: "a", lesion: null, region: null, agrees: true, comment: null },
  ],
  drawn: [], reading_s: null, report_address: null, viewer_links: [],
};
const detector = (name: string, target: Detector["target"]): Detector => ({
  name, target, finding: target.replace("_", " "), state: "flagged", probability: null, reason: null,
  version: null, operating_point: null, assessed_at: null,
});
const study = {
  row: { detectors: [detector("a", "fracture"), detector("b", "pulmonary_nodule"), detector("c", "fracture")] },
  reading, withheld: ["a", "b", "c"],
} as unknown as Study;

describe("a first look", () => {
  it("is asked for each target of the detectors that wait for it, once", () => {
    expect(awaitingFirstLook(study)).toEqual(["a", "c"]);
    expect(firstLookTargets(study)).toEqual(["fracture"]);
    expect(firstLookTargets({ ...study, withheld: ["b"] })).toEqual([]);
  });
  it("is not asked where there is no result", () => {
    const [first, second, third] = study.row.detectors;
    const without = (["not_applicable", "failed", "running"] as const).map((state, at) => ({
      ...([first, second, third][at] ?? detector("a", "fracture")),
      state,
    }));
    expect(firstLookTargets({ ...study, row: { ...study.row, detectors: without } })).toEqual([]);
  });
  it("is one's own", () => {
    expect(myFirstLook(reading)).toEqual({ fracture: "absent" });
  });
  it("is answered target by target", () => {
    expect(nextUnanswered(["x", "y"], { x: "absent" })).toBe("y");
    expect(nextUnanswered(["x"], { x: "cannot_say" })).toBeNull();
  });
});

describe("a conclusion begins with", () => {
  const concluded = (mine: boolean): Reading => ({
    ...reading, conclusions: [{ ...said, mine, answers: { fracture: "present" }, reading_s: null }],
  });
  it("one's own first look", () => {
    expect(openingAnswers(reading, false)).toEqual({ fracture: "absent" });
  });
  it("one's own conclusion when it is amended, and nobody else's", () => {
    expect(openingAnswers(concluded(true), true)).toEqual({ fracture: "present" });
    expect(openingAnswers(concluded(false), true)).toEqual({});
  });
  it("nothing after it was reopened", () => {
    expect(openingAnswers(concluded(true), false)).toEqual({});
    expect(openingAnswers(concluded(false), false)).toEqual({});
  });
});

it("images that came since the reader looked are counted", () => {
  expect([imagesCame(30, 30), imagesCame(30, 32), imagesCame(30, 29)]).toEqual([0, 2, 0]);
});

it("the latest thing one said of a lesion counts, and others' words are not one's own", () => {
  expect(myAgreement(reading, "a", { lesion: 1, region: null })?.agrees).toBe(false);
  expect(myAgreement(reading, "a", WHOLE)).toBeNull();
  expect(othersAgreements(reading, "a", WHOLE).map(({ by }) => by)).toEqual(["anna"]);
});

it("what is said of a region, of a lesion and of the whole stays apart, each with its comment", () => {
  const one = { ...said, mine: true, detector: "a", agrees: true };
  const ben = { ...one, by: "ben", mine: false };
  const spoken: Reading = {
    ...reading,
    agreements: [
      { ...one, lesion: null, region: 1, comment: "a vessel" },
      { ...one, lesion: 1, region: null, comment: null },
      { ...one, lesion: null, region: null, comment: "all of it" },
      { ...ben, lesion: null, region: 1, comment: "at first" },
      { ...ben, lesion: null, region: 1, agrees: false, comment: "a suture" },
    ],
  };
  expect(myAgreement(spoken, "a", { lesion: null, region: 1 })?.comment).toBe("a vessel");
  expect(myAgreement(spoken, "a", { lesion: 1, region: null })?.comment).toBeNull();
  expect(myAgreement(spoken, "a", WHOLE)?.comment).toBe("all of it");
  expect(othersAgreements(spoken, "a", { lesion: null, region: 1 }).map(({ agrees, comment }) => [agrees, comment])).toEqual([[false, "a suture"]]);
  expect(othersAgreements(spoken, "b", { lesion: null, region: 1 })).toEqual([]);
});

it("findings are named as their detectors name them", () => {
  expect(findingWords(study, "pulmonary_nodule")).toBe("pulmonary nodule");
  expect(findingWords(study, "some_other")).toBe("some other");
});

describe("earlier studies", () => {
  const prior = {
    study_instance_uid: "1.2", study_date: null, modalities: ["CT"], study_description: "", body_part: "", instance_count: 1,
  };
  it("are counted, and said to be the newest where older ones are left out", () => {
    chooseLanguage("en");
    const studies = [prior, prior];
    expect(priorsWords(t, { studies, limited: false })).toBe("2 earlier studies");
    expect(priorsWords(t, { studies, limited: true })).toBe("the 2 newest earlier studies");
  });
});
