/** Rows of the list, as this browser has them, and the acts of people that change them. */

import {
  keepPreviousData,
  type QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { ask, type Row, type Study, studyPath, type WorklistPage } from "../api";
import { noteNodeTime } from "../clock";
import { askStudyAgain } from "../live";
import { useAct } from "../session";
import { type RowWindow, WINDOW_ROWS } from "./rowWindow";

const ANYWAY_MS = 30_000; // asked again even if no change was heard of
const KEPT_MS = 60_000; // windows out of sight
const MOST_CLAIMS = 100;

/** A window of the list, and for which question it is the answer. */
export interface ListWindow extends WorklistPage, RowWindow<Row> {
  rows: Row[];
  query: string;
}

async function askPage(query: URLSearchParams, signal: AbortSignal): Promise<WorklistPage> {
  const page = await ask<WorklistPage>(`/api/worklist?${query.toString()}`, signal);
  noteNodeTime(page.generated_at);
  return page;
}

/** The window that begins at `offset`; the one before stays until it is there. */
export function useListWindow(query: string, offset: number) {
  return useQuery({
    queryKey: ["worklist", query, offset],
    queryFn: async ({ signal }): Promise<ListWindow> => {
      const asked = new URLSearchParams(query);
      asked.set("offset", `${offset}`);
      asked.set("limit", `${WINDOW_ROWS}`);
      return { ...(await askPage(asked, signal)), query, offset };
    },
    placeholderData: keepPreviousData,
    refetchInterval: ANYWAY_MS,
    gcTime: KEPT_MS,
  });
}

const MINE = ["mine"];

/** The studies that this person reads now. */
export function useMyRows(): readonly Row[] {
  const mine = useQuery({
    queryKey: MINE,
    queryFn: async ({ signal }) => {
      const asked = new URLSearchParams({ mine: "true", limit: `${MOST_CLAIMS}` });
      return (await askPage(asked, signal)).rows;
    },
    refetchInterval: ANYWAY_MS,
  });
  return mine.data ?? [];
}

/** Asks for the reader's own rows anew. */
export function useAskMine(): () => void {
  const client = useQueryClient();
  return () => {
    void client.invalidateQueries({ queryKey: MINE });
  };
}

/** One row, wherever it stands and whatever the filters are. */
export function askRow(studyInstanceUid: string, signal: AbortSignal): Promise<Row> {
  return ask<Row>(`/api/worklist/${encodeURIComponent(studyInstanceUid)}`, signal);
}

export type Act = "claim" | "release" | "priority" | "pin";

/** Where the very claim is given back that opening a study made, and no other. */
export function ownClaimPath(uid: string, since: string): string {
  return `${studyPath(uid)}/claim?claimed_at=${encodeURIComponent(since)}`;
}

interface RowAct {
  act: Act;
  uid: string;
  since?: string; // of a claim that is given back by itself
  body?: object;
}

/** What a person does to one study; everything that shows it shows it at once. */
export function useRowAct() {
  const client = useQueryClient();
  const act = useAct();
  return useMutation({
    mutationFn: ({ act: what, uid, since, body }: RowAct) =>
      what === "release"
        ? act<Row | undefined>(
            "DELETE",
            since === undefined ? `${studyPath(uid)}/claim` : ownClaimPath(uid, since),
          )
        : act<Row | undefined>("POST", `${studyPath(uid)}/${what}`, body),
    onSuccess: (row) => {
      if (row !== undefined) showRow(client, row);
    },
    // A refusal too says that something is not as shown.
    onSettled: (_row, _error, { uid }) => {
      void client.invalidateQueries({ queryKey: ["worklist"] });
      void client.invalidateQueries({ queryKey: MINE });
      void askStudyAgain(client, uid);
    },
  });
}

/** Put a fresh row wherever this browser has an older one of the study. */
function showRow(client: QueryClient, fresh: Row): void {
  const replaced = (row: Row) =>
    row.study_instance_uid === fresh.study_instance_uid ? { ...fresh, place: row.place } : row;
  client.setQueriesData<ListWindow>({ queryKey: ["worklist"] }, (page) =>
    page === undefined ? undefined : { ...page, rows: page.rows.map(replaced) },
  );
  client.setQueryData<Study>(["study", fresh.study_instance_uid], (study) =>
    study === undefined ? undefined : { ...study, row: replaced(study.row) },
  );
}
