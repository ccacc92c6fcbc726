import { describe, expect, it } from "vitest";

import { addressOf, stuck } from "./deliveries";

describe("which deliveries are asked for", () => {
  it("is all where nothing is chosen", () => {
    expect(addressOf({ state: null, destination: null }, null)).toBe("/api/deliveries");
  });

  it("names state, destination and page, whatever a destination is called", () => {
    expect(addressOf({ state: "parked", destination: "A & B" }, 17)).toBe(
      "/api/deliveries?state=parked&destination=A+%26+B&before=17",
    );
  });
});

it("what was refused or parked needs a person, what waits does not", () => {
  const counts = { waiting: 9, sent: 5, committed: 4, refused: 2, parked: 1, withdrawn: 3 };
  expect(stuck(counts)).toBe(3);
});
