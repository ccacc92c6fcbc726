/** What goes back, as administrators are shown it (`viewer/deliveries_api.py`). */

import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { ask, studyPath } from "../api";
import { useAct } from "../session";

export const STATES = ["waiting", "sent", "committed", "refused", "parked", "withdrawn"] as const;

export type DeliveryState = (typeof STATES)[number];

export type ObjectKind =
  | "report"
  | "segmentation"
  | "presentation"
  | "key_image"
  | "selection"
  | "rejection";

export interface Destination {
  name: string;
  kind: "dimse" | "stow" | ""; // empty: it is set no more
  address: string;
  objects: ObjectKind[];
  studies: "flagged" | "evaluated" | "all" | null;
  counts: Record<DeliveryState, number>;
  held: number; // of those that wait: until a person says that they may go to a new address
}

export interface Delivery {
  delivery_id: number;
  study_instance_uid: string;
  assessment_number: number;
  sop_instance_uid: string;
  kind: ObjectKind;
  destination: string;
  state: DeliveryState;
  tries: number;
  made_at: string;
  next_try_at: string | null;
  sent_at: string | null;
  status: number | null;
  words: string;
  counts: boolean; // neither superseded nor retracted
}

/** Results of a study that could not be made, or not all of them. */
export interface Problem {
  study_instance_uid: string;
  assessment_number: number;
  problem: string;
  at: string;
  next_try_at: string | null; // null: it is tried no more, unless a person asks for it
}

interface Page {
  deliveries: Delivery[];
  next_before: number | null;
}

/** What is asked for; null: any. */
export interface Wanted {
  state: DeliveryState | null;
  destination: string | null;
}

const ASKED_AGAIN_MS = 10_000;
const SETTLED_MS = 60_000; // where nothing is on its way
const KEY = ["deliveries"];

export function addressOf({ state, destination }: Wanted, before: number | null): string {
  const query = new URLSearchParams();
  if (state !== null) query.set("state", state);
  if (destination !== null) query.set("destination", destination);
  if (before !== null) query.set("before", String(before));
  const asked = query.toString();
  return asked === "" ? "/api/deliveries" : `/api/deliveries?${asked}`;
}

/** How many need a person: nothing more happens to them by itself. */
export function stuck(counts: Record<DeliveryState, number>): number {
  return counts.refused + counts.parked;
}

/** Of what counts of a study: how many objects are in which state, by destination. */
export function sentOf(
  deliveries: readonly Delivery[],
): { destination: string; states: { state: DeliveryState; count: number }[] }[] {
  const counting = deliveries.filter(({ counts, kind }) => counts && kind !== "rejection");
  const names = [...new Set(counting.map(({ destination }) => destination))];
  return names.map((destination) => {
    const here = counting.filter((one) => one.destination === destination);
    const counted = STATES.map((state) => ({
      state,
      count: here.filter((one) => one.state === state).length,
    }));
    return { destination, states: counted.filter(({ count }) => count > 0) };
  });
}

export function useProblems() {
  return useQuery({
    queryKey: [...KEY, "problems"],
    queryFn: ({ signal }) => ask<Problem[]>("/api/deliveries/problems", signal),
    refetchInterval: ASKED_AGAIN_MS,
  });
}

export function useDeliveriesOf(studyInstanceUid: string) {
  return useQuery({
    queryKey: [...KEY, "study", studyInstanceUid],
    queryFn: ({ signal }) => ask<Delivery[]>(`${studyPath(studyInstanceUid)}/deliveries`, signal),
    refetchInterval: ({ state }) =>
      state.data?.some((one) => one.state === "waiting") === true ? ASKED_AGAIN_MS : SETTLED_MS,
  });
}

export function useDestinations() {
  return useQuery({
    queryKey: [...KEY, "destinations"],
    queryFn: ({ signal }) => ask<Destination[]>("/api/destinations", signal),
    refetchInterval: ASKED_AGAIN_MS,
  });
}

export function useDeliveries(wanted: Wanted) {
  return useInfiniteQuery({
    queryKey: [...KEY, "pages", wanted],
    queryFn: ({ pageParam, signal }) => ask<Page>(addressOf(wanted, pageParam), signal),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
    placeholderData: keepPreviousData,
    refetchInterval: ASKED_AGAIN_MS,
  });
}

export interface Tested {
  reachable: boolean;
  words: string;
}

interface Reasoned {
  uid: string; // of the study
  reason: string;
}

/** What an administrator does about deliveries; sending again is an event with her name. */
export function useDeliveryActs() {
  const client = useQueryClient();
  const act = useAct();
  const onSettled = () => {
    void client.invalidateQueries({ queryKey: KEY });
  };
  return {
    retract: useMutation({
      mutationFn: ({ uid, reason }: Reasoned) =>
        act<{ retracted: number }>("POST", `${studyPath(uid)}/retract-results`, { reason }),
      onSettled,
    }),
    makeAnew: useMutation({
      mutationFn: ({ uid, reason }: Reasoned) =>
        act<null>("POST", `${studyPath(uid)}/make-results-anew`, { reason }),
      onSettled,
    }),
    release: useMutation({
      mutationFn: (name: string) =>
        act<{ released: number }>("POST", `/api/destinations/${encodeURIComponent(name)}/release`),
      onSettled,
    }),
    resend: useMutation({
      mutationFn: (what: { delivery_ids: number[] } | { destination: string }) =>
        act<{ resent: number }>("POST", "/api/deliveries/resend", what),
      onSettled,
    }),
    test: useMutation({
      mutationFn: (name: string) =>
        act<Tested>("POST", `/api/destinations/${encodeURIComponent(name)}/test`),
    }),
  };
}
