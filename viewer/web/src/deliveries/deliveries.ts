/** What goes back, as administrators are shown it (`viewer/deliveries_api.py`). */

import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { ask } from "../api";
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

/** What an administrator does about deliveries; sending again is an event with her name. */
export function useDeliveryActs() {
  const client = useQueryClient();
  const act = useAct();
  return {
    resend: useMutation({
      mutationFn: (what: { delivery_ids: number[] } | { destination: string }) =>
        act<{ resent: number }>("POST", "/api/deliveries/resend", what),
      onSettled: () => {
        void client.invalidateQueries({ queryKey: KEY });
      },
    }),
    test: useMutation({
      mutationFn: (name: string) =>
        act<Tested>("POST", `/api/destinations/${encodeURIComponent(name)}/test`),
    }),
  };
}
