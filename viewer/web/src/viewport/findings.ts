/** The way from one marked frame to the next, through all series of a study. */

import type { Region, Series } from "../api";
import { framesOf, isOn, markedFrames } from "../frames";

export interface Stop {
  seriesAt: number;
  index: number; // of the frame in its series
}

/**
 * Every place worth stopping at, in reading order: one for each run of neighbouring frames with
 * the same mark (a lesion over ten slices is one stop, at its surest), in the order of the series.
 */
export function stopsOf(series: readonly Series[], regions: readonly Region[]): Stop[] {
  return series.flatMap((one, seriesAt) => {
    const frames = framesOf(one);
    const things = new Map<string, Region[]>();
    for (const region of regions) {
      const key = `${region.detector} ${region.kind} ${region.lesion ?? ""}`;
      things.set(key, [...(things.get(key) ?? []), region]);
    }
    const stops = new Set<number>();
    for (const ofThing of things.values()) {
      for (const run of runsOf(markedFrames(frames, ofThing))) {
        const score = (index: number) =>
          Math.max(
            ...ofThing
              .filter((region) => {
                const frame = frames[index];
                return frame !== undefined && isOn(region, frame);
              })
              .map((region) => region.score),
          );
        stops.add(run.reduce((best, index) => (score(index) > score(best) ? index : best)));
      }
    }
    return [...stops].toSorted((a, b) => a - b).map((index) => ({ seriesAt, index }));
  });
}

function runsOf(indices: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const index of indices) {
    const last = runs.at(-1);
    if (last?.at(-1) === index - 1) last.push(index);
    else runs.push([index]);
  }
  return runs;
}

/** The next stop (`by` 1) or the one before (-1), round and round; null: there is none. */
export function nextStop(stops: readonly Stop[], here: Stop, by: 1 | -1): Stop | null {
  if (stops.length === 0) return null;
  const place = ({ seriesAt, index }: Stop) => seriesAt * 1e6 + index;
  if (by === 1) return stops.find((stop) => place(stop) > place(here)) ?? stops[0] ?? null;
  return stops.findLast((stop) => place(stop) < place(here)) ?? stops.at(-1) ?? null;
}
