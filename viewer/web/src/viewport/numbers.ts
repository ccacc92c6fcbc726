/** Measured numbers as the chosen language writes them; never grouped, never "-0". */

import { numberFormat } from "../language";

export function fixed(value: number, digits: number): string {
  const shown = Number(value.toFixed(digits));
  return numberFormat({
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  }).format(shown === 0 ? 0 : shown);
}

const SIGNIFICANT = 3;
const MOST_DIGITS = 6;

/** How many digits behind the point say something of a number of this size. */
function digitsOf(size: number): number {
  if (!(size > 0)) return 1;
  return Math.max(1, Math.min(MOST_DIGITS, SIGNIFICANT - 1 - Math.floor(Math.log10(size))));
}

/** A value of an image: whole numbers as they are, others with what can be told of them. */
export function figure(value: number): string {
  return Number.isInteger(value) ? fixed(value, 0) : fixed(value, digitsOf(Math.abs(value)));
}

/** A mean and its spread, to one place behind the point or, of small ones, to as many as say something. */
export function spread(mean: number, deviation: number): string {
  const digits = digitsOf(Math.max(Math.abs(mean), deviation));
  return `${fixed(mean, digits)} ± ${fixed(deviation, digits)}`;
}

/** Centre or width of a window; finer the narrower the window is. */
export function windowFigure(value: number, width: number): string {
  return fixed(value, width >= 20 ? 0 : digitsOf(width));
}
