/** A series as the row of frames a reader scrolls through, and what is marked on each. */

import type { Region, Series, Study } from "./api";

export interface Frame {
  seriesInstanceUid: string;
  sopInstanceUid: string;
  frameNumber: number; // counts from 1
  rows: number; // pixels
  columns: number;
}

/** Every frame of a series that has pixels, in the server's order. */
export function framesOf(series: Series): Frame[] {
  return series.instances.flatMap((instance) => {
    const { rows, columns } = instance;
    if (rows === null || columns === null || rows === 0 || columns === 0) return [];
    return Array.from({ length: instance.number_of_frames }, (_, index) => ({
      seriesInstanceUid: series.series_instance_uid,
      sopInstanceUid: instance.sop_instance_uid,
      frameNumber: index + 1,
      rows,
      columns,
    }));
  });
}

export function isOn(region: Region, frame: Frame): boolean {
  return (
    region.sop_instance_uid === frame.sopInstanceUid && region.frame_number === frame.frameNumber
  );
}

/** Indices of the frames that carry a region, ascending. */
export function markedFrames(frames: readonly Frame[], regions: readonly Region[]): number[] {
  return frames.flatMap((frame, index) =>
    regions.some((region) => isOn(region, frame)) ? [index] : [],
  );
}

/**
 * The surest first; behind them what a detector that numbers its lesions marks besides, for example
 * a fracture of the skull that makes blood likely and is none.
 */
function surestFirst(regions: readonly Region[]): Region[] {
  const numbering = new Set(
    regions.filter(({ lesion }) => lesion !== null).map(({ detector }) => detector),
  );
  const besides = ({ detector, lesion }: Region) => lesion === null && numbering.has(detector);
  return regions.toSorted(
    (a, b) => Number(besides(a)) - Number(besides(b)) || b.score - a.score,
  );
}

/** Where to look first: the frame of the surest region, or the middle of the series. */
export function firstFrame(frames: readonly Frame[], regions: readonly Region[]): number {
  for (const region of surestFirst(regions)) {
    const index = frames.findIndex((frame) => isOn(region, frame));
    if (index >= 0) return index;
  }
  return Math.floor((frames.length - 1) / 2);
}

/** Where the surest region of a study is; null: it has none. */
export function surestPlace(
  series: readonly Series[],
  regions: readonly Region[],
): { seriesAt: number; index: number } | null {
  for (const region of surestFirst(regions)) {
    for (const [seriesAt, one] of series.entries()) {
      const index = framesOf(one).findIndex((frame) => isOn(region, frame));
      if (index >= 0) return { seriesAt, index };
    }
  }
  return null;
}

/** The surest of what was withheld and is shown now: marks that could be seen before are no news. */
export function revealedPlace(
  before: Pick<Study, "withheld">,
  { series, regions }: Pick<Study, "series" | "regions">,
): { seriesAt: number; index: number } | null {
  const isNews = ({ detector }: Region) => before.withheld?.includes(detector) === true;
  return surestPlace(series, regions.filter(isNews));
}

/** The series to open: the one with the surest region, else the first that has frames. */
export function firstSeries(series: readonly Series[], regions: readonly Region[]): number {
  for (const region of surestFirst(regions)) {
    const index = series.findIndex((one) => framesOf(one).some((frame) => isOn(region, frame)));
    if (index >= 0) return index;
  }
  return Math.max(
    0,
    series.findIndex((one) => framesOf(one).length > 0),
  );
}
