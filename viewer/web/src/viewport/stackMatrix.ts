/** From places in an image to px on its pane. */

import { type EdgeLetters, edgeLetters, type Spot } from "./geometry";
import type { ImageFacts } from "./imageFacts";

/** x = a column + c row + e, y = b column + d row + f. */
export interface Matrix {
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
  f: number;
}

/** The px of a place in the image. */
export function onPane({ a, b, c, d, e, f }: Matrix, [column, row]: Spot): [number, number] {
  return [a * column + c * row + e, b * column + d * row + f];
}

/** Px of the screen for one of the image. */
export function magnification({ a, b }: Matrix): number {
  return Math.hypot(a, b);
}

/** What the edges of the pane point to, however the image is turned and mirrored. */
export function lettersOnPane(facts: ImageFacts, { a, b, c, d }: Matrix): EdgeLetters | null {
  const area = a * d - b * c;
  if (area === 0) return null;
  // The inverse takes a step on the screen to mm in the image's axes.
  const inAxes = (x: number, y: number): Spot => {
    const column = ((d * x - c * y) / area) * facts.columnSpacingMm;
    const row = ((a * y - b * x) / area) * facts.rowSpacingMm;
    const length = Math.hypot(column, row);
    return [column / length, row / length];
  };
  return edgeLetters(facts, inAxes(1, 0), inAxes(0, 1));
}
