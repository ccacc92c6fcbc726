import { useCallback, useEffect, useRef, useState } from "react";

const REST_MS = 400; // a pointer on its way somewhere else shows nothing

/** The study over whose words the pointer rests. */
export function useHover() {
  const [uid, setUid] = useState<string | null>(null);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
  }, []);
  const over = useCallback((next: string | null) => {
    window.clearTimeout(timer.current);
    if (next === null) setUid(null);
    else timer.current = window.setTimeout(setUid, REST_MS, next);
  }, []);
  return { uid, over };
}
