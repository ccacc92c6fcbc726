import { describe, expect, it } from "vitest";

import { entryOf, isMeant } from "./keys";
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
    expect(entryOf(LIST_KEYS, pressed(key))?.action ?? null).toBe(action);
  });

  it.each(["ctrlKey", "altKey", "metaKey"])("is the browser's own with %s", (held) => {
    expect(entryOf(LIST_KEYS, pressed("p", { [held]: true }))).toBeNull();
  });

  it("means one thing only", () => {
    const keys = LIST_KEYS.flatMap((entry) => [...entry.keys]);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("that is held moves on, and does nothing else twice", () => {
    const repeating = LIST_KEYS.filter((entry) => isMeant(entry, { repeat: true }));
    expect(repeating.map(({ action }) => action)).toEqual(["down", "up", "page_down", "page_up"]);
    expect(LIST_KEYS.every((entry) => isMeant(entry, { repeat: false }))).toBe(true);
  });
});
