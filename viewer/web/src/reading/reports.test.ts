import { expect, it } from "vitest";

import type { Study } from "../api";
import { maySee, timesTold } from "./reports";

function study(...kinds: string[]): Study {
  return { events: kinds.map((kind) => ({ kind })) } as Study;
}

it("reports are asked for where the history tells of one", () => {
  expect(timesTold(study("study_arrived", "outcome_recorded"))).toBe(0);
  expect(timesTold(study("report_observed", "reported_elsewhere", "report_withdrawn"))).toBe(3);
  expect(timesTold(study("earlier_report_found"))).toBe(1);
});

it("who reads or reviews may see them, who only administers may not", () => {
  expect(maySee(["administrator"])).toBe(false);
  expect(maySee(["administrator", "radiologist"])).toBe(true);
  expect(maySee(["qa_reviewer"])).toBe(true);
});
