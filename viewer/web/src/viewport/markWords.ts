/** Where the words of marks stand: beside their outline, clear of one another and of outlines. */

import type { Spot } from "./geometry";

/** What an outline or words take up, in px of the pane. */
export interface Extent {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const GAP = 5; // px between an outline and its words

/** An outline, and how large the words are that belong to it. */
export interface Captioned {
  outline: Extent;
  width: number;
  height: number;
}

/**
 * The upper left corner of each one's words.
 *
 * Above the outline where that is free and on the pane, else below, then beside it; where nothing is
 * free, where they cover least.
 */
export function placeWords(marks: readonly Captioned[]): readonly Spot[] {
  const taken: Extent[] = marks.map(({ outline }) => outline);
  return marks.map((mark) => {
    const spots = spotsAround(mark);
    const costs = spots.map((spot) => cost(extentAt(spot, mark), taken));
    const best = spots[costs.indexOf(Math.min(...costs))] ?? [0, 0];
    taken.push(extentAt(best, mark));
    return best;
  });
}

function spotsAround({ outline, width, height }: Captioned): readonly Spot[] {
  const above = outline.top - GAP - height;
  const below = outline.bottom + GAP;
  const middle = (outline.top + outline.bottom - height) / 2;
  return [
    [outline.left, above],
    [outline.left, below],
    [outline.right + GAP, middle],
    [outline.left - GAP - width, middle],
    [outline.right - width, above],
    [outline.right - width, below],
  ];
}

function extentAt([left, top]: Spot, { width, height }: Captioned): Extent {
  return { left, top, right: left + width, bottom: top + height };
}

/** Square px that are covered, and those beyond the pane's upper and left edges. */
function cost(words: Extent, taken: readonly Extent[]): number {
  const height = words.bottom - words.top;
  const width = words.right - words.left;
  const beyond = Math.max(0, -words.top) * width + Math.max(0, -words.left) * height;
  return taken.reduce((sum, one) => sum + shared(words, one), beyond);
}

function shared(a: Extent, b: Extent): number {
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(0, wide) * Math.max(0, high);
}
