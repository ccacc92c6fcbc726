/** Where the keys are: at a study, which they follow when it moves. */

import type { ListAction } from "./listKeys";
import type { RowWindow } from "./rowWindow";

export interface Cursor {
  uid: string | null; // null: not known yet, the row is on its way
  index: number; // -1: nowhere yet
}

export const NOWHERE: Cursor = { uid: null, index: -1 };

/**
 * The cursor once `shown` is there. It follows its study, and takes the study of its place only
 * if it had none: a key must never act on another study than the one that was marked.
 */
export function settled<R>(cursor: Cursor, shown: RowWindow<R>, uid: (row: R) => string): Cursor {
  if (cursor.uid === null) {
    const row = shown.rows[cursor.index - shown.offset];
    return row === undefined || cursor.index < 0 ? cursor : { ...cursor, uid: uid(row) };
  }
  const at = shown.rows.findIndex((row) => uid(row) === cursor.uid);
  const index = at < 0 ? cursor.index : shown.offset + at;
  return index === cursor.index ? cursor : { ...cursor, index };
}

/** The index a key leads to; null for keys that lead nowhere. */
export function stepped(
  action: ListAction,
  index: number,
  total: number,
  page: number,
): number | null {
  const targets: Partial<Record<ListAction, number>> = {
    down: index + 1,
    up: index - 1,
    page_down: index + page,
    page_up: index - page,
    top: 0,
    bottom: total - 1,
  };
  const target = targets[action];
  return target === undefined || total === 0 ? null : Math.max(0, Math.min(total - 1, target));
}
