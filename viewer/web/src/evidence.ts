/** What a probability rests on: how suspect each image is, and where each lesion lies. */

import type { Evidence, Lesion, Region, Series } from "./api";
import { type Frame, framesOf, isOn } from "./frames";
import { t } from "./language";

const NOTEWORTHY = 0.5; // a score from which it is said in words, not by colour alone

/** The highest score of each frame over all detectors; null: none says any. */
export function frameScores(
  frames: readonly Frame[],
  evidence: readonly Evidence[],
): (number | null)[] {
  const scores = new Map<string, number>();
  for (const { image_scores } of evidence) {
    for (const one of image_scores) {
      const key = `${one.sop_instance_uid} ${one.frame_number}`;
      scores.set(key, Math.max(one.score, scores.get(key) ?? 0));
    }
  }
  return frames.map((frame) => scores.get(`${frame.sopInstanceUid} ${frame.frameNumber}`) ?? null);
}

/** A score in words, as none is a probability; even the lowest is no statement of health. */
export function suspicion(score: number): string {
  if (score >= 0.8) return t("evidence.strongly_suspect");
  if (score >= NOTEWORTHY) return t("evidence.suspect");
  return t("evidence.weakly_suspect");
}

/** What a screen reader says of a frame's score; empty for those hardly coloured. */
export function scoreWords(score: number | null): string {
  return score === null || score < NOTEWORTHY ? "" : `, ${suspicion(score)}`;
}

export interface Extent {
  seriesAt: number;
  first: number; // index of a frame
  last: number;
  surest: number; // the frame to open
}

/** The frames a lesion shows on; null where none of them is in the study. */
export function extentOf(
  lesion: Lesion,
  detector: string,
  series: readonly Series[],
  regions: readonly Region[],
): Extent | null {
  const cuts = regions
    .filter((region) => region.detector === detector && region.lesion === lesion.number)
    .toSorted((a, b) => b.score - a.score);
  for (const [seriesAt, one] of series.entries()) {
    const frames = framesOf(one);
    const on = frames.flatMap((frame, index) =>
      cuts.some((cut) => isOn(cut, frame)) ||
      // One object of many frames holds the whole series: there only the cuts say which.
      (lesion.first_image !== lesion.last_image &&
        [lesion.first_image, lesion.last_image].includes(frame.sopInstanceUid))
        ? [index]
        : [],
    );
    const named = frames.findIndex((frame) => frame.sopInstanceUid === lesion.first_image);
    const [first = named] = on;
    if (first < 0) continue;
    const last = on.at(-1) ?? first;
    const best = frames.findIndex((frame) => cuts[0] !== undefined && isOn(cuts[0], frame));
    return { seriesAt, first, last, surest: best >= 0 ? best : Math.floor((first + last) / 2) };
  }
  return null;
}

/** "slice 5" or "slices 5 to 8". */
export function sliceWords({ first, last }: Extent): string {
  return first === last
    ? t("evidence.slice", { slice: first + 1 })
    : t("evidence.slices", { from: first + 1, to: last + 1 });
}

/** How many images were not looked at as they lie; empty: all were. */
export function turnedWords({ turned }: Evidence): string {
  return turned.length === 0 ? "" : t("evidence.turned", { count: turned.length });
}

/** How a region is named on the image: by its kind, else by who saw it; with its lesion. */
export function regionLabel({ kind, detector, lesion }: Region): string {
  const name = kind === "" ? detector : kind;
  return lesion === null ? name : `${name} ${lesion}`;
}

/** What people call a series of the study: its description, or its place among the series. */
export function seriesName(uid: string, series: readonly Series[]): string {
  const at = series.findIndex((one) => one.series_instance_uid === uid);
  const description = series[at]?.description ?? "";
  if (description !== "") return description;
  return at < 0 ? t("evidence.series_gone") : t("evidence.series", { number: at + 1 });
}

/** Regions by what they show, in words; those of which nothing is said under "". */
export function byKind(regions: readonly Region[]): [string, Region[]][] {
  const groups = new Map<string, Region[]>();
  for (const region of regions) {
    groups.set(region.kind, [...(groups.get(region.kind) ?? []), region]);
  }
  return [...groups];
}
