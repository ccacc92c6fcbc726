/** The node's clock in the browser: a workstation whose clock is wrong still counts down right. */

import { useSyncExternalStore } from "react";

const TICK_MS = 5000;

let offset = 0;
let now = Date.now();
const listeners = new Set<() => void>();
let timer: number | undefined;

/** Note the node's time, as an answer that has just come says it. */
export function noteNodeTime(at: string): void {
  offset = Date.parse(at) - Date.now();
}

/** The time now in ms, by the node's clock. */
export function nodeNow(): number {
  return Date.now() + offset;
}

function tick(): void {
  now = nodeNow();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(tick, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time now in ms, by the node's clock; renders again every few seconds. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
