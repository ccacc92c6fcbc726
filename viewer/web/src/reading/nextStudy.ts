/** The study to read next: the first in the server's order that nobody has. */

import { useQuery } from "@tanstack/react-query";

import { ask, type WorklistPage } from "../api";
import { openStudy } from "../route";

/** Opens it; null while there is none. */
export function useNextStudy(after: string): (() => void) | null {
  const next = useQuery({
    queryKey: ["next-study", after],
    queryFn: async ({ signal }) => {
      const { rows } = await ask<WorklistPage>("/api/worklist?limit=20", signal);
      const free = rows.find((row) => row.study_instance_uid !== after && row.claim == null);
      return free?.study_instance_uid ?? null;
    },
  });
  const uid = next.data ?? null;
  return uid === null
    ? null
    : () => {
        openStudy(uid);
      };
}
