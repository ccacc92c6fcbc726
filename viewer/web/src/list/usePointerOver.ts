import { type RefObject, useEffect } from "react";

import { isAttended } from "../attention";

const LEFT_BEHIND_MS = 10 * 60_000; // a pointer that nobody has moved for as long was left there
const LOOKED_MS = 15_000;

/**
 * Hear whether the pointer is over an element.
 *
 * The whole document is asked: what lay over the element and went away (a menu, a dialog) tells
 * nobody that the pointer is elsewhere now. A menu of the element's own is part of it. A pointer
 * that was left behind is over nothing: the page is hidden, another window has the focus, or nobody
 * has been there for ten minutes.
 */
export function usePointerOver(
  element: RefObject<HTMLElement | null>,
  onOver: (isOver: boolean) => void,
): void {
  useEffect(() => {
    const at = ({ target }: PointerEvent) => {
      if (!(target instanceof Element) || target.closest("[role=menu]") !== null) return;
      onOver(element.current?.contains(target) === true);
    };
    const gone = () => {
      onOver(false);
    };
    // A finger that is lifted is over nothing.
    const lifted = ({ pointerType }: PointerEvent) => {
      if (pointerType === "touch") gone();
    };
    const onVisibility = () => {
      if (document.hidden) gone();
    };
    const looking = window.setInterval(() => {
      if (!isAttended(LEFT_BEHIND_MS)) gone();
    }, LOOKED_MS);
    const root = document.documentElement;
    document.addEventListener("pointerover", at);
    document.addEventListener("pointermove", at);
    document.addEventListener("pointerup", lifted);
    document.addEventListener("pointercancel", gone);
    document.addEventListener("visibilitychange", onVisibility);
    window.addEventListener("blur", gone);
    root.addEventListener("pointerleave", gone);
    return () => {
      document.removeEventListener("pointerover", at);
      document.removeEventListener("pointermove", at);
      document.removeEventListener("pointerup", lifted);
      document.removeEventListener("pointercancel", gone);
      document.removeEventListener("visibilitychange", onVisibility);
      window.removeEventListener("blur", gone);
      window.clearInterval(looking);
      root.removeEventListener("pointerleave", gone);
      gone(); // it is no longer there
    };
  }, [element, onOver]);
}
