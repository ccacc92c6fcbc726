import { useCallback, useEffect, useRef, useState } from "react";

import { WINDOW_ROWS, windowOffset } from "./rowWindow";

const JUMP_MS = 90; // a scroll bar that is dragged passes windows that nobody looks at

/** Where the window begins that the scroll position asks for; a new question begins at its top. */
export function useWindowOffset(query: string, first: number) {
  const [asked, setAsked] = useState({ query, offset: windowOffset(Math.max(0, first)) });
  if (asked.query !== query) setAsked({ query, offset: 0 });
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
  }, []);
  const onFirst = useCallback((index: number) => {
    window.clearTimeout(timer.current);
    const offset = windowOffset(index);
    setAsked((before) => {
      if (Math.abs(offset - before.offset) < WINDOW_ROWS) return { ...before, offset };
      timer.current = window.setTimeout(() => {
        setAsked((now) => ({ ...now, offset }));
      }, JUMP_MS);
      return before;
    });
  }, []);
  return { offset: asked.query === query ? asked.offset : 0, onFirst };
}
