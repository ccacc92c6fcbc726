import { useCallback, useEffect, useRef, useState } from "react";

import type { Row } from "./api";
import { countChanges, holdOrder } from "./order";

const STILL_MS = 10_000; // a pointer left lying on the list must not hold it for ever

export interface HeldRows {
  rows: Row[];
  changes: number; // studies that will move, come or go when the list is let go
  hold: () => void; // the pointer moved over the list
  release: () => void; // it left, or the reader asked
}

const uid = (row: Row) => row.study_instance_uid;

/** Nothing moves under the pointer: while it is over the list, the order waits. */
export function useHeldRows(latest: Row[]): HeldRows {
  const [held, setHeld] = useState<Row[] | null>(null);
  const timer = useRef<number | undefined>(undefined);

  const release = useCallback(() => {
    window.clearTimeout(timer.current);
    setHeld(null);
  }, []);
  const hold = useCallback(() => {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(release, STILL_MS);
    setHeld((before) => before ?? latest);
  }, [latest, release]);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
  }, []);

  if (held === null) return { rows: latest, changes: 0, hold, release };
  const kept = holdOrder(held, latest, uid, (old, fresh) => ({ ...fresh, place: old.place }));
  const rows = [...kept, ...loadedBelow(held, latest)];
  return { rows, changes: countChanges(rows.map(uid), latest.map(uid)), hold, release };
}

/** Rows of pages that were loaded since: they come below the held ones, and move nothing. */
function loadedBelow(held: Row[], latest: Row[]): Row[] {
  const last = held.at(-1);
  const lastAt = last === undefined ? -1 : latest.findIndex((row) => uid(row) === uid(last));
  if (lastAt < 0) return [];
  const known = new Set(held.map(uid));
  return latest.slice(lastAt + 1).filter((row) => !known.has(uid(row)));
}
