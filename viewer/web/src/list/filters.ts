/** What of the list is shown; the server filters, and a saved view keeps the same query. */

import type { RequestedPriority } from "../api";

export interface Filters {
  modalities: readonly string[];
  bodyParts: readonly string[];
  priorities: readonly RequestedPriority[];
  states: readonly string[]; // "flagged": by any detector; "fracture:flagged": by this one
  mine: boolean;
  free: boolean; // nobody has claimed it
  read: boolean; // those that were read, instead of those that were not
  text: string;
}

export const NO_FILTERS: Filters = {
  modalities: [],
  bodyParts: [],
  priorities: [],
  states: [],
  mine: false,
  free: false,
  read: false,
  text: "",
};

const PRIORITIES: readonly string[] = ["stat", "urgent", "routine"] satisfies RequestedPriority[];

/** The filters as a query of `/api/worklist`: equal filters give equal text. */
export function queryOf(filters: Filters): string {
  const query = new URLSearchParams();
  const lists = [
    ["modality", filters.modalities],
    ["body_part", filters.bodyParts],
    ["priority", filters.priorities],
    ["state", filters.states],
  ] as const;
  for (const [name, values] of lists) {
    for (const value of values.toSorted()) query.append(name, value);
  }
  if (filters.mine) query.set("mine", "true");
  if (filters.free) query.set("unclaimed", "true");
  if (filters.read) query.set("unread", "false");
  const text = filters.text.trim();
  if (text !== "") query.set("q", text);
  return query.toString();
}

/** The filters of a query; what it does not know it passes over. */
export function filtersOf(query: string): Filters {
  const asked = new URLSearchParams(query);
  return {
    modalities: asked.getAll("modality"),
    bodyParts: asked.getAll("body_part"),
    priorities: asked.getAll("priority").filter(isPriority),
    states: asked.getAll("state"),
    mine: asked.get("mine") === "true",
    free: asked.get("unclaimed") === "true",
    read: asked.get("unread") === "false",
    text: asked.get("q") ?? "",
  };
}

function isPriority(value: string): value is RequestedPriority {
  return PRIORITIES.includes(value);
}

export function isFiltered(filters: Filters): boolean {
  return queryOf(filters) !== "";
}

/** The list with `one` added, or taken away if it was there. */
export function toggled<T>(list: readonly T[], one: T): T[] {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one];
}
