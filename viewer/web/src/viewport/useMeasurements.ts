/** The measurements of the study that is open; they are kept as long as the page shows it. */

import { useCallback, useMemo, useState } from "react";

import type { Spot } from "./geometry";
import type { Measurement, MeasurementKind } from "./measure";
import type { MeasurementBook } from "./StackPane";

interface Book extends MeasurementBook {
  remove: () => void; // the one chosen, or the last
  clear: () => void;
}

export function useMeasurements(onAdded: () => void): Book {
  const [all, setAll] = useState<readonly Measurement[]>([]);
  const [chosen, setChosen] = useState<number | null>(null);
  const add = useCallback(
    (imageId: string, kind: MeasurementKind, spots: readonly Spot[]) => {
      setAll((before) => {
        const id = Math.max(0, ...before.map((one) => one.id)) + 1;
        return [...before, { id, kind, imageId, spots }];
      });
      setChosen(null);
      onAdded();
    },
    [onAdded],
  );
  const move = useCallback((id: number, at: number, to: Spot) => {
    setAll((before) =>
      before.map((one) => (one.id === id ? { ...one, spots: one.spots.with(at, to) } : one)),
    );
  }, []);
  return useMemo(
    () => ({
      all,
      chosen,
      add,
      move,
      choose: setChosen,
      remove: () => {
        const gone = chosen ?? all.at(-1)?.id;
        setAll(all.filter(({ id }) => id !== gone));
        setChosen(null);
      },
      clear: () => {
        setAll([]);
        setChosen(null);
      },
    }),
    [all, chosen, add, move],
  );
}
