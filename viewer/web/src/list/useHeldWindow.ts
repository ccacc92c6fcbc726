import { useCallback, useState } from "react";

import type { Row } from "../api";
import { useLiveChange } from "../live";
import { countChanges } from "../order";
import { inCommon, isAsWide, joinHeld, near, type RowWindow } from "./rowWindow";

export interface HeldWindow {
  shown: RowWindow<Row>;
  changes: number; // studies that will move, come or go when the list is let go
  hasFlag: boolean; // a new flag came while the list was held
  apply: () => void; // what waits is shown now, though the pointer stays
}

export const uidOf = (row: Row) => row.study_instance_uid;

const merged = (old: Row, fresh: Row): Row => ({ ...fresh, place: old.place });

/** Nothing moves under the pointer: for as long as it is over the list, the order waits. */
export function useHeldWindow(latest: RowWindow<Row>, isOver: boolean): HeldWindow {
  const [held, setHeld] = useState<RowWindow<Row> | null>(null);
  const [hasFlag, setHasFlag] = useState(false);
  const apply = useCallback(() => {
    setHeld(null);
    setHasFlag(false);
  }, []);
  useLiveChange(({ flagged }) => {
    if (isOver && flagged != null) setHasFlag(true);
  });
  if (!isOver && hasFlag) setHasFlag(false);

  const joined = held === null || !isOver ? null : joinHeld(held, latest, uidOf, merged);
  const next = isOver ? near(joined ?? latest, latest) : null;
  // What came into sight by scrolling is held, too; where nothing is in common, hold anew.
  const isNew = next === null || held === null || joined === null || !isAsWide(held, next);
  if (isNew && held !== next) setHeld(next);
  if (joined === null) return { shown: latest, changes: 0, hasFlag, apply };
  const [before, after] = inCommon(joined, latest);
  const changes = countChanges(before.map(uidOf), after.map(uidOf));
  return { shown: joined, changes, hasFlag, apply };
}
