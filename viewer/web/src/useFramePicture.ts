import { useEffect, useState } from "react";

import { frameUrl } from "./api";
import type { Frame } from "./frames";

const AHEAD = 4; // frames fetched on either side, nearest first

export interface FramePicture {
  shown: string | null; // address of the newest picture that is ready
  failed: string | null; // address of the picture that could not be had
}

/** Pictures are swapped when they are ready, so that scrolling never flashes; neighbours follow. */
export function useFramePicture(
  studyInstanceUid: string,
  frames: readonly Frame[],
  index: number,
  window: readonly [number, number] | null,
  viewport: readonly [number, number] | null,
): FramePicture & { wanted: string | null } {
  const [picture, setPicture] = useState<FramePicture>({ shown: null, failed: null });
  const address = (at: number): string | null => {
    const frame = frames[at];
    return frame === undefined ? null : frameUrl({ studyInstanceUid, ...frame }, window, viewport);
  };
  const wanted = address(index);
  const neighbours = Array.from({ length: AHEAD }, (_, step) => [index + step + 1, index - step - 1])
    .flat()
    .map(address)
    .filter((url) => url !== null)
    .join(" ");

  useEffect(() => {
    if (wanted === null) return;
    let current = true;
    const image = new Image();
    image.src = wanted;
    image.decode().then(
      () => {
        if (!current) return;
        setPicture({ shown: wanted, failed: null });
        for (const url of neighbours.split(" ").filter((one) => one !== "")) {
          new Image().src = url;
        }
      },
      () => {
        if (current) setPicture((before) => ({ ...before, failed: wanted }));
      },
    );
    return () => {
      current = false;
    };
  }, [wanted, neighbours]);

  return { ...picture, wanted };
}
