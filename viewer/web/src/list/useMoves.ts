import { useLayoutEffect, useRef, type RefObject } from "react";

import type { RowWindow } from "./rowWindow";

const MOVE_MS = 520;
const EASE = "cubic-bezier(0.2, 0.7, 0.2, 1)";

interface Places {
  byUid: ReadonlyMap<string, number>;
  from: number; // the window they are of
  to: number;
}

/**
 * Lets rows glide to their new places (first, last, invert, play).
 *
 * Rows lie at index x rowHeight, so where each came from is known without measuring, also for
 * those that were out of sight. `order` is memoised: it changes only when rows do.
 */
export function useMoves(
  list: RefObject<HTMLElement | null>,
  order: RowWindow<string>,
  rowHeight: number,
): void {
  const places = useRef<Places>({ byUid: new Map(), from: 0, to: 0 });

  useLayoutEffect(() => {
    const before = places.current;
    const { offset, rows } = order;
    const byUid = new Map(rows.map((uid, index) => [uid, offset + index]));
    places.current = { byUid, from: offset, to: offset + rows.length };
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (list.current === null || before.byUid.size === 0 || still) return;
    const reach = list.current.clientHeight;
    for (const element of list.current.querySelectorAll<HTMLElement>("[data-uid]")) {
      const uid = element.dataset["uid"] ?? "";
      const to = byUid.get(uid);
      if (to === undefined) continue;
      const from = before.byUid.get(uid);
      // Who was scrolled to has not come; who is new at a place that was known has.
      const isNew = from === undefined && before.from <= to && to < before.to;
      if (isNew) element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: MOVE_MS });
      if (from === undefined || from === to) continue;
      glide(element, Math.max(-reach, Math.min(reach, (from - to) * rowHeight)));
    }
  }, [list, order, rowHeight]);
}

/** From `distance` px below its place; the one that rises passes over those that make room. */
function glide(element: HTMLElement, distance: number): void {
  const above = distance > 0 ? "2" : "1";
  element.animate(
    [
      { transform: `translateY(${distance}px)`, zIndex: above },
      { transform: "none", zIndex: above },
    ],
    { duration: MOVE_MS, easing: EASE },
  );
}
