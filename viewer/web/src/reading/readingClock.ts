/** How long a person really read: seconds on the page while somebody was at it. */

export interface ReadingClock {
  activeMs: number;
  at: number | null; // ms, when last asked; null: not yet
}

export const NOT_BEGUN: ReadingClock = { activeMs: 0, at: null };

const LONGEST_STEP_MS = 5000; // a machine that slept did not read

/**
 * The clock a moment later.
 *
 * The time since it was last asked counts if the person is there (has done something lately, and
 * sees the page), and never more of it than a step: sleep and a stopped tab count nothing.
 */
export function ticked(clock: ReadingClock, now: number, isThere: boolean): ReadingClock {
  if (clock.at === null || !isThere) return { ...clock, at: now };
  const step = now - clock.at;
  const counted = step > 0 && step <= LONGEST_STEP_MS ? step : 0;
  return { activeMs: clock.activeMs + counted, at: now };
}

/** Whole seconds. */
export function secondsOf(clock: ReadingClock): number {
  return Math.round(clock.activeMs / 1000);
}

/** "0:07", "12:30", "1:02:03". */
export function clockWords(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
