import { useLayoutEffect, useRef, type RefObject } from "react";

const MOVE_MS = 520;
const EASE = "cubic-bezier(0.2, 0.7, 0.2, 1)";

/**
 * Lets rows glide to their new places (first, last, invert, play).
 *
 * Rows lie at index x rowHeight, so where each came from is known without measuring, also for
 * those that were out of sight. `order` is memoised: it changes only when rows do.
 */
export function useMoves(
  list: RefObject<HTMLElement | null>,
  order: readonly string[],
  rowHeight: number,
): void {
  const places = useRef(new Map<string, number>());

  useLayoutEffect(() => {
    const before = places.current;
    places.current = new Map(order.map((uid, index) => [uid, index]));
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (list.current === null || before.size === 0 || still) return;
    const reach = list.current.clientHeight;
    for (const element of list.current.querySelectorAll<HTMLElement>("[data-uid]")) {
      const uid = element.dataset["uid"] ?? "";
      const from = before.get(uid);
      const to = places.current.get(uid);
      if (to === undefined || from === to) continue;
      if (from === undefined) {
        element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: MOVE_MS });
        continue;
      }
      const distance = Math.max(-reach, Math.min(reach, (from - to) * rowHeight));
      // The one that rises passes over those that make room.
      const above = to < from ? "2" : "1";
      element.animate(
        [
          { transform: `translateY(${distance}px)`, zIndex: above },
          { transform: "none", zIndex: above },
        ],
        { duration: MOVE_MS, easing: EASE },
      );
    }
  }, [list, order, rowHeight]);
}
