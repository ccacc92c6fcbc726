/** The marks of the series that is cut in planes, where they lie in the patient. */

import { useMemo } from "react";

import { source } from "./cornerstone";
import type { Mark } from "./Marks";
import { type MarkedSlice, type MarkedVolume, markedVolume } from "./planeMarks";
import { type FrameRef, imageIdOf } from "./source";

/** null: nothing is marked, or the marks are hidden. */
export function useMarkedVolume(
  frames: readonly FrameRef[],
  marksOf: (frame: FrameRef) => readonly Mark[],
  isShown: boolean,
): MarkedVolume | null {
  return useMemo(() => {
    if (!isShown) return null;
    const slices = frames.flatMap((frame): MarkedSlice[] => {
      const facts = source.known(imageIdOf(frame));
      return facts === null ? [] : [{ facts, marks: marksOf(frame) }];
    });
    return markedVolume(slices);
  }, [frames, marksOf, isShown]);
}
