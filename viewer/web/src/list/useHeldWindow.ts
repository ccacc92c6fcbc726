import { useCallback, useEffect, useRef, useState } from "react";

import type { Row } from "../api";
import { countChanges } from "../order";
import { inCommon, joinHeld, type RowWindow } from "./rowWindow";

const STILL_MS = 10_000; // a pointer left lying on the list must not hold it for ever

export interface HeldWindow {
  shown: RowWindow<Row>;
  changes: number; // studies that will move, come or go when the list is let go
  hold: () => void; // the pointer moved over the list
  release: () => void; // it left, or the reader asked
}

export const uidOf = (row: Row) => row.study_instance_uid;

/** Nothing moves under the pointer: while it is over the list, the order waits. */
export function useHeldWindow(latest: RowWindow<Row>): HeldWindow {
  const [held, setHeld] = useState<RowWindow<Row> | null>(null);
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

  const joined =
    held === null
      ? null
      : joinHeld(held, latest, uidOf, (old, fresh) => ({ ...fresh, place: old.place }));
  if (held !== null && joined === null) setHeld(latest); // the reader went elsewhere
  if (joined === null) return { shown: latest, changes: 0, hold, release };
  const [before, after] = inCommon(joined, latest);
  return {
    shown: joined,
    changes: countChanges(before.map(uidOf), after.map(uidOf)),
    hold,
    release,
  };
}
