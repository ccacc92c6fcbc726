import { expect, it } from "vitest";

import { DEFAULT_RATE, rateOf } from "./useCine";

it("a stack runs at the rate it was made for, within reason", () => {
  expect(rateOf(40)).toBe(25);
  expect(rateOf(1)).toBe(60);
  expect(rateOf(5000)).toBe(1);
  expect(rateOf(null)).toBe(DEFAULT_RATE);
});
