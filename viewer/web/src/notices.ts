/** Short words to the reader that go away by themselves. */

import { useSyncExternalStore } from "react";

export interface Notice {
  id: number;
  words: string;
  study: string | null; // Study Instance UID, where it leads
}

const STAYS_MS = 9000;

let notices: readonly Notice[] = [];
let count = 0;
const listeners = new Set<() => void>();

function set(next: readonly Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

export function tell(words: string, study: string | null = null): void {
  count += 1;
  const notice = { id: count, words, study };
  set([...notices.filter((one) => one.words !== words), notice].slice(-4));
  window.setTimeout(() => {
    dismiss(notice.id);
  }, STAYS_MS);
}

export function dismiss(id: number): void {
  if (notices.some((one) => one.id === id)) set(notices.filter((one) => one.id !== id));
}

/** What was told names patients: nothing of it stays when the session ends. */
export function dismissAll(): void {
  set([]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function useNotices(): readonly Notice[] {
  return useSyncExternalStore(subscribe, () => notices);
}
