/** Whether a series is a block that can be cut in other planes; known once its headers are there. */

import { useEffect, useMemo, useState } from "react";

import { source } from "./cornerstone";
import { isVolume, toWorld } from "./geometry";
import type { Vector } from "./imageFacts";
import { type FrameRef, imageIdOf } from "./source";
import type { Shown } from "./stackView";

export function useVolume(frames: readonly FrameRef[], isShown: boolean) {
  const imageIds = useMemo(() => frames.map(imageIdOf), [frames]);
  const [volume, setVolume] = useState<readonly string[] | null>(null); // of which it is known
  useEffect(() => {
    const [first] = frames;
    if (!isShown || first === undefined) return;
    let current = true;
    source.openSeries(first).then(
      () => {
        const facts = imageIds.map((imageId) => source.known(imageId));
        const all = facts.filter((one) => one !== null);
        if (current && all.length === facts.length && isVolume(all)) setVolume(imageIds);
      },
      () => undefined, // the pane says what cannot be had
    );
    return () => {
      current = false;
    };
  }, [frames, imageIds, isShown]);
  return {
    imageIds,
    isVolume: volume === imageIds,
    /** The middle of the image shown, where the three planes meet first. */
    pointOf: (shown: Shown | null): Vector | null =>
      shown?.facts == null ? null : toWorld(shown.facts, [shown.facts.columns / 2, shown.facts.rows / 2]),
  };
}
