/** Which series of which study stands in which pane. */

import type { Series, Study } from "../api";
import { framesOf } from "../frames";
import { CT_PRESETS, firstWindow } from "./windows";
import type { VoiWindow } from "./imageFacts";
import type { FrameRef } from "./source";

export interface PaneContent {
  studyInstanceUid: string;
  seriesInstanceUid: string;
  first: number; // index of the frame to begin with
}

export type Layout = "one" | "two" | "mpr";

export function contentOf(study: Study, seriesAt: number, first: number): PaneContent | null {
  const series = study.series[seriesAt];
  if (series === undefined) return null;
  return {
    studyInstanceUid: study.row.study_instance_uid,
    seriesInstanceUid: series.series_instance_uid,
    first,
  };
}

/** Series with pictures, and their places in the study. */
export function shownSeries(study: Study): { series: Series; at: number }[] {
  return study.series
    .map((series, at) => ({ series, at }))
    .filter(({ series }) => framesOf(series).length > 0);
}

/** The window a series opens with; null: as its images say. */
export function openingWindow(series: Series): VoiWindow | null {
  const name = firstWindow(series.modality, series.body_part, series.description);
  return CT_PRESETS.find((preset) => preset.name === name) ?? null;
}

export function framesIn(studyInstanceUid: string, series: Series): FrameRef[] {
  return framesOf(series).map((frame) => ({ studyInstanceUid, ...frame }));
}

/**
 * The series of another study to compare one with: of the same modality, called the same if there
 * is one, else of the most similar length.
 */
export function bestMatch(series: Series, others: readonly Series[]): number | null {
  const count = framesOf(series).length;
  const candidates = others
    .map((other, at) => ({ other, at, frames: framesOf(other).length }))
    .filter(({ frames }) => frames > 0)
    .toSorted(
      (a, b) =>
        Number(b.other.modality === series.modality) - Number(a.other.modality === series.modality) ||
        Number(b.other.description === series.description) -
          Number(a.other.description === series.description) ||
        Math.abs(a.frames - count) - Math.abs(b.frames - count),
    );
  return candidates[0]?.at ?? null;
}
