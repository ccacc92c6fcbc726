/** What is measured on an image: lengths, angles, values. */

import { areaOf, ellipse, pixelAt, type Spot } from "./geometry";
import type { ImageFacts, UltrasoundRegion } from "./imageFacts";

export type MeasurementKind = "length" | "angle" | "ellipse" | "value";

export interface Measurement {
  id: number;
  kind: MeasurementKind;
  imageId: string;
  spots: readonly Spot[];
}

/** How many places each kind needs. */
export const SPOTS: Record<MeasurementKind, number> = { length: 2, angle: 3, ellipse: 2, value: 1 };

export interface Size {
  size: number;
  unit: "mm" | "px";
  atDetector: boolean; // then larger than in the patient
}

function ultrasoundScale(facts: ImageFacts, spots: readonly Spot[]): UltrasoundRegion | null {
  const holds = (region: UltrasoundRegion) =>
    spots.every(
      ([x, y]) => x >= region.left && x <= region.right + 1 && y >= region.top && y <= region.bottom + 1,
    );
  return facts.ultrasound.find(holds) ?? null;
}

/** mm of a column and of a row where the spots lie; null: the scale is not known. */
function scaleAt(facts: ImageFacts, spots: readonly Spot[]): readonly [number, number] | null {
  if (facts.ultrasound.length > 0) {
    const region = ultrasoundScale(facts, spots);
    return region === null ? null : [region.mmPerColumn, region.mmPerRow];
  }
  return facts.scale === "unknown" ? null : [facts.columnSpacingMm, facts.rowSpacingMm];
}

/** Of pixels without a scale: one column is 1, a row as much more as pixels are higher than wide. */
function shapeOf(facts: ImageFacts): readonly [number, number] {
  return [1, facts.rowSpacingMm / facts.columnSpacingMm];
}

/** The distance between two places of one image; without a scale in widths of a pixel. */
export function lengthOf(facts: ImageFacts, from: Spot, to: Spot): Size {
  const scale = scaleAt(facts, [from, to]);
  const [perColumn, perRow] = scale ?? shapeOf(facts);
  return {
    size: Math.hypot((to[0] - from[0]) * perColumn, (to[1] - from[1]) * perRow),
    unit: scale === null ? "px" : "mm",
    atDetector: facts.scale === "detector",
  };
}

/** The angle at the middle one of three places, in degrees, 0 to 180; null: two coincide. */
export function angleOf(facts: ImageFacts, [a, at, b]: readonly [Spot, Spot, Spot]): number | null {
  const [perColumn, perRow] = scaleAt(facts, [a, at, b]) ?? shapeOf(facts);
  const arm = ([x, y]: Spot) => [(x - at[0]) * perColumn, (y - at[1]) * perRow] as const;
  const [ax, ay] = arm(a);
  const [bx, by] = arm(b);
  const lengths = Math.hypot(ax, ay) * Math.hypot(bx, by);
  if (lengths === 0) return null;
  return (Math.acos(Math.max(-1, Math.min(1, (ax * bx + ay * by) / lengths))) * 180) / Math.PI;
}

/** The modality value under a place; null: outside, or no number. */
export function valueAt(values: ArrayLike<number>, facts: ImageFacts, spot: Spot): number | null {
  const pixel = pixelAt(facts, spot);
  if (pixel === null) return null;
  const value = values[pixel.row * facts.columns + pixel.column];
  return value === undefined || !Number.isFinite(value) ? null : value;
}

export interface Sample {
  mean: number;
  deviation: number; // standard deviation
  lowest: number;
  highest: number;
  count: number; // pixels whose centres lie inside
  area: Size; // mm² or px²
}

/** The values in the ellipse that fills the box of two corners; null: no pixel's centre is in it. */
export function sampleOf(
  values: ArrayLike<number>,
  facts: ImageFacts,
  [x0, y0]: Spot,
  [x1, y1]: Spot,
): Sample | null {
  const [cx, cy, rx, ry] = [(x0 + x1) / 2, (y0 + y1) / 2, Math.abs(x1 - x0) / 2, Math.abs(y1 - y0) / 2];
  let [count, sum, squares, lowest, highest] = [0, 0, 0, Infinity, -Infinity];
  const lastRow = Math.min(facts.rows - 1, Math.floor(cy + ry));
  const lastColumn = Math.min(facts.columns - 1, Math.floor(cx + rx));
  for (let row = Math.max(0, Math.floor(cy - ry)); row <= lastRow; row++) {
    for (let column = Math.max(0, Math.floor(cx - rx)); column <= lastColumn; column++) {
      const out = ((column + 0.5 - cx) / rx) ** 2 + ((row + 0.5 - cy) / ry) ** 2;
      const value = values[row * facts.columns + column];
      if (!(out <= 1) || value === undefined || !Number.isFinite(value)) continue;
      count += 1;
      sum += value;
      squares += value * value;
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
    }
  }
  if (count === 0) return null;
  const mean = sum / count;
  const scale = scaleAt(facts, [[x0, y0], [x1, y1]]);
  const [perColumn, perRow] = scale ?? shapeOf(facts);
  const pixels = areaOf(ellipse([x0, y0], [x1, y1], 128));
  return {
    mean,
    deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)),
    lowest,
    highest,
    count,
    area: {
      size: pixels * perColumn * perRow,
      unit: scale === null ? "px" : "mm",
      atDetector: facts.scale === "detector",
    },
  };
}
