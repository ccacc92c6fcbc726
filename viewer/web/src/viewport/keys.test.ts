import { describe, expect, it } from "vitest";

import { actOf, type KeyAct, stroke } from "./keys";

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

describe("a held key", () => {
  const act = (key: string, repeats?: boolean): KeyAct => ({
    keys: [key], shown: key, words: key, group: "", run: () => undefined, ...(repeats === undefined ? {} : { repeats }),
  });
  const acts = [act("ArrowDown", true), act("shift+Enter")];
  it("scrolls on", () => {
    expect(actOf(acts, "ArrowDown", true)).toBe(acts[0]);
  });
  it("answers and concludes once", () => {
    expect(actOf(acts, "shift+Enter", false)).toBe(acts[1]);
    expect(actOf(acts, "shift+Enter", true)).toBeNull();
  });
  it("that nothing is bound to does nothing", () => {
    expect(actOf(acts, "q", false)).toBeNull();
  });
});
