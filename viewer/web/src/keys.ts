/** One table binds the keys of a page and makes its help, so that the two cannot differ. */

import { useEffect, useRef } from "react";

export interface KeyEntry<Action extends string> {
  action: Action;
  keys: readonly string[]; // as KeyboardEvent.key says them, letters in lower case
  group: string;
  repeats?: true; // goes on while the key is held
}

export type KeyHandlers<Action extends string> = Partial<Record<Action, () => void>>;

/** What a key means; null: nothing, or something of the browser's own. */
export function entryOf<Action extends string>(
  table: readonly KeyEntry<Action>[],
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey">,
): KeyEntry<Action> | null {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  // With Caps Lock on, "c" comes as "C".
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return table.find(({ keys }) => keys.includes(key)) ?? null;
}

/** Whether the key does it now: one that is held does most things once. */
export function isMeant(entry: KeyEntry<string>, event: Pick<KeyboardEvent, "repeat">): boolean {
  return !event.repeat || entry.repeats === true;
}

const NOT_TYPED_INTO = new Set(["button", "checkbox", "color", "radio", "range", "reset", "submit"]);

function isTypedInto(element: Element): boolean {
  if (element instanceof HTMLInputElement) return !NOT_TYPED_INTO.has(element.type);
  if (element instanceof HTMLElement && element.isContentEditable) return true;
  return element.matches("textarea, select");
}

/** Whether what has the focus, or lies over the page, wants the key for itself. */
function isTaken(event: KeyboardEvent): boolean {
  if (event.isComposing) return true;
  if (document.querySelector('[role="dialog"][aria-modal="true"]') !== null) return true;
  const { target } = event;
  if (!(target instanceof Element)) return false;
  if (isTypedInto(target) || target.closest('[role="menu"], [role="listbox"]') !== null) return true;
  const presses = event.key === "Enter" || event.key === " ";
  return presses && target.closest('button, a[href], input, [role="button"]') !== null;
}

/** Let the keys of a table do what `handlers` say, wherever the focus is. */
export function useKeys<Action extends string>(
  table: readonly KeyEntry<Action>[],
  handlers: KeyHandlers<Action>,
): void {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    let taken = false;
    let spent: string | null = null; // the key that has done something and may be held still
    // Asked before anything acts on the key: a dialog that it closes must count as open.
    const look = (event: KeyboardEvent) => {
      if (!event.repeat) spent = null;
      taken = isTaken(event);
      if (event.key !== spent) return;
      // Nor does it write into the field that it has opened.
      event.preventDefault();
      event.stopPropagation();
    };
    const onKeyDown = (event: KeyboardEvent) => {
      const entry = entryOf(table, event);
      const handler = entry === null ? undefined : latest.current[entry.action];
      if (entry === null || handler === undefined || taken || event.defaultPrevented) return;
      event.preventDefault();
      if (!isMeant(entry, event)) return;
      if (entry.repeats !== true) spent = event.key;
      handler();
    };
    window.addEventListener("keydown", look, { capture: true });
    window.addEventListener("keydown", onKeyDown);
    return () => {
      window.removeEventListener("keydown", look, { capture: true });
      window.removeEventListener("keydown", onKeyDown);
    };
  }, [table]);
}
