/** The study to read next: the first in the server's order that nobody has. */

import { useQuery } from "@tanstack/react-query";

import { ask, type WorklistPage } from "../api";
import { useClaims } from "../list/claims";

/** Opens it as the list does, which may claim it; null while there is none. */
export function useNextStudy(after: string): (() => void) | null {
  const { open } = useClaims();
  const next = useQuery({
    queryKey: ["next-study", after],
    queryFn: async ({ signal }) => {
      const { rows } = await ask<WorklistPage>("/api/worklist?limit=20", signal);
      return rows.find((row) => row.study_instance_uid !== after && row.claim == null) ?? null;
    },
  });
  const row = next.data ?? null;
  return row === null
    ? null
    : () => {
        open(row);
      };
}
