/** The keys of the list. */

import type { KeyEntry } from "../keys";

export type ListAction =
  | "down"
  | "up"
  | "page_down"
  | "page_up"
  | "top"
  | "bottom"
  | "open"
  | "preview"
  | "show_changes"
  | "claim"
  | "release"
  | "priority"
  | "pin"
  | "search"
  | "filters"
  | "mine"
  | "free"
  | "views"
  | "clear"
  | "ai"
  | "preferences"
  | "help";

export type ListKeyGroup = "move" | "study" | "find" | "page";

interface ListKeyEntry extends KeyEntry<ListAction> {
  group: ListKeyGroup;
}

export const LIST_KEYS: readonly ListKeyEntry[] = [
  { action: "down", keys: ["ArrowDown", "j"], group: "move", repeats: true },
  { action: "up", keys: ["ArrowUp", "k"], group: "move", repeats: true },
  { action: "page_down", keys: ["PageDown"], group: "move", repeats: true },
  { action: "page_up", keys: ["PageUp"], group: "move", repeats: true },
  { action: "top", keys: ["g", "Home"], group: "move" },
  { action: "bottom", keys: ["End"], group: "move" },
  { action: "show_changes", keys: ["."], group: "move" },
  { action: "open", keys: ["Enter", "o"], group: "study" },
  { action: "preview", keys: [" "], group: "study" },
  { action: "claim", keys: ["c"], group: "study" },
  { action: "release", keys: ["r"], group: "study" },
  { action: "priority", keys: ["p"], group: "study" },
  { action: "pin", keys: ["t"], group: "study" },
  { action: "search", keys: ["/"], group: "find" },
  { action: "filters", keys: ["f"], group: "find" },
  { action: "mine", keys: ["m"], group: "find" },
  { action: "free", keys: ["u"], group: "find" },
  { action: "views", keys: ["v"], group: "find" },
  { action: "clear", keys: ["x", "Escape"], group: "find" },
  { action: "ai", keys: ["a"], group: "page" },
  { action: "preferences", keys: [","], group: "page" },
  { action: "help", keys: ["?"], group: "page" },
];
