/** A stack that runs by itself. */

import { useEffect } from "react";

import type { StackView } from "./stackView";

export const DEFAULT_RATE = 12; // frames per second
export const RATES = { lowest: 1, highest: 60 } as const;

/** The rate an object was made for, where it says so. */
export function rateOf(frameTimeMs: number | null): number {
  if (frameTimeMs === null || frameTimeMs <= 0) return DEFAULT_RATE;
  return Math.max(RATES.lowest, Math.min(RATES.highest, Math.round(1000 / frameTimeMs)));
}

/** Show one frame after the other, round and round, `rate` a second; never ahead of what is there. */
export function useCine(view: StackView | null, rate: number | null): void {
  useEffect(() => {
    if (view === null || rate === null || view.count < 2) return;
    const timer = window.setInterval(() => {
      const { index, wanted } = view.now();
      if (index !== wanted) return; // the last one is still on its way
      view.show((wanted + 1) % view.count);
    }, 1000 / rate);
    return () => {
      window.clearInterval(timer);
    };
  }, [view, rate]);
}
