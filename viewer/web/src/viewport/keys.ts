/** Keys of the viewer: one table binds them, and is what the help shows. */

import { useEffect, useRef } from "react";

export interface KeyAct {
  keys: readonly string[]; // as `stroke` says them: "m", "shift+n", "ArrowDown", "digit1", "?"
  shown: string; // how the help writes them
  words: string; // what it does, in the chosen language
  group: string; // heading in the help
  repeats?: boolean; // goes on while the key is held
  run: () => void;
}

/** What a stroke runs; null: nothing, or an act that a held key must not run again. */
export function actOf(acts: readonly KeyAct[], key: string, isRepeat: boolean): KeyAct | null {
  const act = acts.find(({ keys }) => keys.includes(key));
  return act === undefined || (isRepeat && act.repeats !== true) ? null : act;
}

/** How a key event is written in the tables; digits by their place, so that AZERTY needs no shift. */
export function stroke(event: Pick<KeyboardEvent, "key" | "code" | "shiftKey">): string {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  if (digit !== undefined) return `digit${digit}`;
  if (event.key === " ") return "space";
  if (event.key.length > 1) return event.shiftKey ? `shift+${event.key}` : event.key;
  const letter = event.key.toLowerCase();
  const isLetter = letter !== event.key.toUpperCase();
  return event.shiftKey && isLetter ? `shift+${letter}` : letter;
}

/** Whether the keys belong to what has the focus: a text is written there, or a choice made. */
export function isForField(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("[role=dialog], [role=menu], [role=listbox]") !== null) return true;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  if (target.matches("button, a, [role=button]")) return key === "space" || key === "Enter";
  if (!(target instanceof HTMLInputElement)) return false;
  if (target.type === "range") return false;
  if (["radio", "checkbox"].includes(target.type)) return key === "space" || key.startsWith("Arrow");
  return true;
}

/** Bind a table while the component is there. */
export function useKeys(acts: readonly KeyAct[]): void {
  const table = useRef(acts);
  useEffect(() => {
    table.current = acts;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const key = stroke(event);
      if (event.defaultPrevented || isForField(event.target, key)) return;
      if (!table.current.some(({ keys }) => keys.includes(key))) return;
      event.preventDefault();
      actOf(table.current, key, event.repeat)?.run();
    };
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onKey);
    };
  }, []);
}
