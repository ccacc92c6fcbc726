import { describe, expect, it } from "vitest";

import { actionOf } from "./keys";
import { LIST_KEYS } from "./list/listKeys";

const pressed = (key: string, held: Partial<KeyboardEvent> = {}) => ({
  key,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...held,
});

describe("a key of the list", () => {
  it.each([
    ["c", "claim"],
    ["C", "claim"], // Caps Lock
    ["j", "down"],
    ["ArrowDown", "down"],
    ["?", "help"],
    ["/", "search"],
    [" ", "preview"],
    ["q", null],
  ])("%s means %s", (key, action) => {
    expect(actionOf(LIST_KEYS, pressed(key))).toBe(action);
  });

  it.each(["ctrlKey", "altKey", "metaKey"])("is the browser's own with %s", (held) => {
    expect(actionOf(LIST_KEYS, pressed("p", { [held]: true }))).toBeNull();
  });

  it("means one thing only", () => {
    const keys = LIST_KEYS.flatMap((entry) => [...entry.keys]);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
