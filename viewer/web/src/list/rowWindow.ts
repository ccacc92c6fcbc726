/** The part of the list that is asked for: as wide as the screen and some more. */

import { holdOrder } from "../order";

export const WINDOW_ROWS = 100;
const STEP_ROWS = 20; // windows begin at multiples, so that scrolling a little asks nothing

/** Consecutive rows; the first stands at `offset` of what the filters let through. */
export interface RowWindow<R> {
  offset: number;
  rows: readonly R[];
}

/** Where the window begins that shows row `first` at the top, with rows to spare above. */
export function windowOffset(first: number): number {
  return Math.max(0, Math.floor(first / STEP_ROWS) - 1) * STEP_ROWS;
}

/**
 * What is shown while the list is held: the held rows where they were, with what is new about
 * each, and around them rows that came into sight since.
 *
 * Null when the two have no place in common: then there is nothing to hold.
 */
export function joinHeld<R>(
  held: RowWindow<R>,
  latest: RowWindow<R>,
  uid: (row: R) => string,
  merge: (held: R, latest: R) => R,
): RowWindow<R> | null {
  if (latest.rows.length === 0) return held; // all have left: they wait, too
  const end = held.offset + held.rows.length;
  if (latest.offset >= end || latest.offset + latest.rows.length <= held.offset) return null;
  const known = new Set(held.rows.map(uid));
  const unknown = (row: R) => !known.has(uid(row));
  const above = latest.rows.slice(0, Math.max(0, held.offset - latest.offset)).filter(unknown);
  const below = latest.rows.slice(Math.max(0, end - latest.offset)).filter(unknown);
  const kept = holdOrder(held.rows, latest.rows, uid, merge);
  return { offset: held.offset - above.length, rows: [...above, ...kept, ...below] };
}

/** The rows of two windows at the places that both have. */
export function inCommon<R>(one: RowWindow<R>, other: RowWindow<R>): [R[], R[]] {
  const from = Math.max(one.offset, other.offset);
  const to = Math.min(one.offset + one.rows.length, other.offset + other.rows.length);
  const part = ({ offset, rows }: RowWindow<R>) =>
    rows.slice(Math.max(0, from - offset), Math.max(0, to - offset));
  return [part(one), part(other)];
}

/** Whether two windows reach over the same places. */
export function isAsWide<R>(one: RowWindow<R>, other: RowWindow<R>): boolean {
  return one.offset === other.offset && one.rows.length === other.rows.length;
}

/** The part of a window that is not far from what is asked for now: the rest is out of sight. */
export function near<R>(window: RowWindow<R>, asked: RowWindow<R>): RowWindow<R> {
  const from = Math.max(window.offset, asked.offset - WINDOW_ROWS);
  const end = asked.offset + asked.rows.length + WINDOW_ROWS;
  const to = Math.min(window.offset + window.rows.length, end);
  return { offset: from, rows: window.rows.slice(from - window.offset, to - window.offset) };
}
