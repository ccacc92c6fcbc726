/** Windows: how values become grey, and what radiologists call the usual ones. */

import type { ImageFacts, VoiWindow } from "./imageFacts";

export type PresetName =
  | "brain"
  | "subdural"
  | "stroke"
  | "bone"
  | "lung"
  | "mediastinum"
  | "softTissue";

/** In Hounsfield units, in the order of their number keys. */
export const CT_PRESETS: readonly (VoiWindow & { name: PresetName })[] = [
  { name: "brain", center: 40, width: 80 },
  { name: "subdural", center: 75, width: 215 },
  { name: "stroke", center: 35, width: 35 },
  { name: "bone", center: 500, width: 2000 },
  { name: "lung", center: -600, width: 1500 },
  { name: "mediastinum", center: 40, width: 400 },
  { name: "softTissue", center: 50, width: 350 },
];

/** What a series opens with; null: as its images say. Hounsfield windows make sense for CT alone. */
export function firstWindow(modality: string, bodyPart: string, description = ""): PresetName | null {
  if (modality !== "CT") return null;
  const said = `${bodyPart} ${description}`;
  if (/\bbone|knochen|\bos\b/i.test(description)) return "bone";
  if (/head|brain|skull|cran|t[êe]te/i.test(said)) return "brain";
  if (/lung|poumon/i.test(said)) return "lung";
  if (/chest|thorax/i.test(said)) return /mediast|soft|std|standard/i.test(description) ? "mediastinum" : "lung";
  return "softTissue";
}

/** The preset that a window is; null: none of them. */
export function presetOf(window: VoiWindow): PresetName | null {
  const found = CT_PRESETS.find(
    ({ center, width }) =>
      Math.abs(center - window.center) < 0.5 && Math.abs(width - window.width) < 0.5,
  );
  return found?.name ?? null;
}

/**
 * Whether a window is meant to the point (PS3.3 C.11.2.1.3.2, LINEAR_EXACT) and not, as usual, for
 * whole numbers: those that are stored as floating point lie between them.
 */
export function isExact(facts: Pick<ImageFacts, "stored" | "voiFunction"> | null): boolean {
  return facts !== null && (facts.stored !== "integer" || facts.voiFunction === "LINEAR_EXACT");
}

/** The lowest and highest value of the grey scale (PS3.3 C.11.2.1.2). */
export function rangeOfWindow({ center, width }: VoiWindow, exact: boolean): { lower: number; upper: number } {
  if (exact) return { lower: center - width / 2, upper: center + width / 2 };
  return { lower: center - 0.5 - (width - 1) / 2, upper: center - 0.5 + (width - 1) / 2 };
}

export function windowOfRange({ lower, upper }: { lower: number; upper: number }, exact: boolean): VoiWindow {
  if (exact) return { width: upper - lower, center: (lower + upper) / 2 };
  const width = upper - lower + 1;
  return { width, center: lower + (width - 1) / 2 + 0.5 };
}

/** The window of all values from the lowest to the highest. */
export function windowOfAll(lowest: number, highest: number, exact: boolean): VoiWindow {
  const { center, width } = windowOfRange({ lower: lowest, upper: highest }, exact);
  return { center, width: width > 0 ? width : 1 };
}

/** A window after the pointer was dragged by px: across widens it, down makes all darker. */
export function dragged({ center, width }: VoiWindow, dx: number, dy: number, exact: boolean): VoiWindow {
  // As fine as the window is narrow.
  const step = exact ? width / 300 : Math.max(0.25, width / 300);
  return { center: center + dy * step, width: Math.max(exact ? width / 10 : 1, width + dx * step) };
}
