import { type RefObject, useEffect } from "react";

/**
 * Hear whether the pointer is over an element.
 *
 * The whole document is asked: what lay over the element and went away (a menu, a dialog) tells
 * nobody that the pointer is elsewhere now. A menu of the element's own is part of it.
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
    const root = document.documentElement;
    document.addEventListener("pointerover", at);
    document.addEventListener("pointermove", at);
    document.addEventListener("pointerup", lifted);
    document.addEventListener("pointercancel", gone);
    root.addEventListener("pointerleave", gone);
    return () => {
      document.removeEventListener("pointerover", at);
      document.removeEventListener("pointermove", at);
      document.removeEventListener("pointerup", lifted);
      document.removeEventListener("pointercancel", gone);
      root.removeEventListener("pointerleave", gone);
      gone(); // it is no longer there
    };
  }, [element, onOver]);
}
