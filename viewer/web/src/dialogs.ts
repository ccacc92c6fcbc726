/** Which of the dialogs that belong to no page is open. */

import { useSyncExternalStore } from "react";

export type DialogName = "preferences" | "ai";

let open: DialogName | null = null;
const listeners = new Set<() => void>();

export function showDialog(name: DialogName | null): void {
  open = name;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function useOpenDialog(): DialogName | null {
  return useSyncExternalStore(subscribe, () => open);
}
