/** Two panes that scroll together: by position in space, or from where they stood. */

import { areParallel, depthOf, nearestSlice, normalOf } from "./geometry";
import type { ImageFacts, Plane, Vector } from "./imageFacts";

export interface Link {
  normal: Vector; // the direction that positions are compared along
  offsetMm: number; // from the first pane's plane to the second's
}

/**
 * Link two shown images; null: they cannot be, as their planes are not parallel or not known.
 *
 * In one frame of reference a position is the same place in both; in two, as of an earlier study,
 * what stands side by side now is taken for the same place.
 */
export function linkOf(first: ImageFacts, second: ImageFacts): Link | null {
  if (first.plane === null || second.plane === null) return null;
  if (!areParallel(first.plane, second.plane)) return null;
  const normal = normalOf(first.plane);
  if (sharesSpace(first, second)) return { normal, offsetMm: 0 };
  return { normal, offsetMm: depthOf(second.plane, normal) - depthOf(first.plane, normal) };
}

/** Whether positions in two images are in one frame of reference. */
export function sharesSpace(first: ImageFacts, second: ImageFacts): boolean {
  return first.frameOfReferenceUid !== "" && first.frameOfReferenceUid === second.frameOfReferenceUid;
}

/** The slice of the other pane that belongs to the plane shown; null: none does. */
export function follow(
  link: Link,
  shown: Plane,
  planes: readonly (Plane | null)[],
  toward: "first" | "second",
): number | null {
  const offset = toward === "second" ? link.offsetMm : -link.offsetMm;
  return nearestSlice(planes, link.normal, depthOf(shown, link.normal) + offset);
}
