/** Two panes that scroll together: by position in space, or from where they stood. */

import { areParallel, depthOf, nearestSlice, normalOf, sharesSpace } from "./geometry";
import type { ImageFacts, Plane, Vector } from "./imageFacts";

export interface Link {
  normal: Vector; // the direction that positions are compared along
  offsetMm: number; // from the first pane's plane to the second's
}

/** Whether two panes scroll together, and if not, why. */
export type LinkState =
  | "one_space" // by position, in one frame of reference
  | "by_hand" // from where they stood when somebody linked them
  | "off" // somebody let them go
  | "two_spaces" // positions in two frames of reference cannot be compared
  | "crossing" // their planes are not parallel
  | "unplaced"; // an image does not say where it lies

/**
 * The state of two shown images.
 *
 * `choice` is what somebody chose for these two series; null: nothing. Without a choice nothing is
 * linked across frames of reference: the same number is not the same place there.
 */
export function linkState(first: ImageFacts, second: ImageFacts, choice: boolean | null): LinkState {
  if (first.plane === null || second.plane === null) return "unplaced";
  if (!areParallel(first.plane, second.plane)) return "crossing";
  if (sharesSpace(first, second)) return choice === false ? "off" : "one_space";
  return choice === true ? "by_hand" : "two_spaces";
}

export function isLinked(state: LinkState | null): boolean {
  return state === "one_space" || state === "by_hand";
}

/**
 * Link two shown images; null: they cannot be, as their planes are not parallel or not known.
 *
 * In one frame of reference a position is the same place in both; in two, which somebody links by
 * hand, what stands side by side now is taken for the same place.
 */
export function linkOf(first: ImageFacts, second: ImageFacts): Link | null {
  if (first.plane === null || second.plane === null) return null;
  if (!areParallel(first.plane, second.plane)) return null;
  const normal = normalOf(first.plane);
  if (sharesSpace(first, second)) return { normal, offsetMm: 0 };
  return { normal, offsetMm: depthOf(second.plane, normal) - depthOf(first.plane, normal) };
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
