import { expect, it } from "vitest";

import { along, bodyOf, FIELD_NAMES, mostOf, type Simulation, USUAL, wrongFields } from "./simulations";

it("the usual setting is sent as shares, without the targets that are the node's", () => {
  expect(wrongFields(USUAL)).toEqual([]);
  expect(bodyOf(USUAL)).toEqual({
    finding: "intracranial_haemorrhage",
    traffic: 0.8,
    readers: 1,
    reading_min: 10,
    prevalence: 0.1,
    auc: 0.936,
    sensitivity: 0.9,
    ai_delay_min: 0,
    ai_failure_share: 0,
    interrupting_share: 0,
  });
  expect(bodyOf({ ...USUAL, routine_target_min: " 480 " }).routine_target_min).toBe(480);
});

it("what is out of bounds, no number, or left out though it must not be is wrong", () => {
  const wrong = (name: (typeof FIELD_NAMES)[number], text: string) =>
    wrongFields({ ...USUAL, [name]: text }).includes(name);
  expect(wrong("traffic", "95")).toBe(false);
  expect(wrong("traffic", "95.1")).toBe(true);
  expect(wrong("traffic", "")).toBe(true);
  expect(wrong("auc", "x")).toBe(true);
  expect(wrong("readers", "1.5")).toBe(true);
  expect(wrong("routine_target_min", "")).toBe(false);
  expect(wrong("routine_target_min", "0")).toBe(true);
});

it("the axis ends at the longest 95th percentile, and nothing leaves it", () => {
  const figures = (value: number) => ({ percentile_95: { value, low: null, high: null } });
  const simulation = {
    orders: [
      { policy: "without_ai", classes: { diseased: figures(100), missed: figures(400) } },
      { policy: "due_time", classes: { diseased: figures(25) } },
    ],
  } as unknown as Simulation;
  expect(mostOf(simulation)).toBe(400);
  expect(along(100, 400)).toBe(0.5);
  expect([along(-1, 400), along(900, 400), along(1, 0)]).toEqual([0, 1, 0]);
});
