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
