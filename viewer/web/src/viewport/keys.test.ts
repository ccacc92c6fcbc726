import { describe, expect, it } from "vitest";

import { stroke } from "./keys";

const event = (key: string, code: string, shiftKey = false) => ({ key, code, shiftKey });

describe("a key", () => {
  it.each([
    [event("m", "KeyM"), "m"],
    [event("M", "KeyM", true), "shift+m"],
    [event("&", "Digit1"), "digit1"], // AZERTY
    [event("1", "Numpad1"), "digit1"],
    [event("?", "Comma", true), "?"],
    [event(" ", "Space"), "space"],
    [event("ArrowDown", "ArrowDown"), "ArrowDown"],
    [event("Enter", "Enter", true), "shift+Enter"],
    [event("+", "Equal", true), "+"],
  ])("%j is %s", (given, said) => {
    expect(stroke(given)).toBe(said);
  });
});
