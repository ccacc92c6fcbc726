/** The reading clock of the study that is open; it goes on when one comes back to it. */

import { useEffect, useState } from "react";

import { isAttended } from "../attention";
import { NOT_BEGUN, type ReadingClock, secondsOf, ticked } from "./readingClock";

const TICK_MS = 1000;

const clocks = new Map<string, ReadingClock>(); // by study, as long as the page is there

/** Active seconds on this study; counts while `isRunning`. */
export function useReadingClock(studyInstanceUid: string, isRunning: boolean): number {
  const [seconds, setSeconds] = useState(() => secondsOf(clocks.get(studyInstanceUid) ?? NOT_BEGUN));
  useEffect(() => {
    if (!isRunning) return;
    const tick = () => {
      const isThere = document.visibilityState === "visible" && isAttended();
      const clock = ticked(clocks.get(studyInstanceUid) ?? NOT_BEGUN, Date.now(), isThere);
      clocks.set(studyInstanceUid, clock);
      setSeconds(secondsOf(clock));
    };
    tick();
    const timer = window.setInterval(tick, TICK_MS);
    return () => {
      window.clearInterval(timer);
      const clock = clocks.get(studyInstanceUid);
      if (clock !== undefined) clocks.set(studyInstanceUid, { ...clock, at: null });
    };
  }, [studyInstanceUid, isRunning]);
  return seconds;
}
