/** What was told on notification channels, as administrators see it (`viewer/notifications_api.py`). */

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";

import { ask } from "../api";
import { useAct } from "../session";

export const STATES = ["waiting", "delivered", "parked", "too_late", "not_told"] as const;
export type State = (typeof STATES)[number];

export interface Channel {
  name: string;
  looked_at: string | null; // when it was last looked for flags; null: never
}

export interface Notification {
  number: number;
  notification_id: string;
  channel: string;
  study_instance_uid: string;
  finding: string;
  detector: string;
  detector_version: string;
  state: State;
  flagged_at: string;
  due_at: string; // the next try, while it waits
  changed_at: string;
  attempts: number;
  words: string; // what happened last
  reached: string[]; // of several receivers those who have it, until all have
}

interface Page {
  channels: Channel[];
  notifications: Notification[];
  next_before: number | null;
}

interface Tried {
  confirmed: boolean;
  words: string;
}

const PATH = "/api/notifications";
const KEY = ["notifications"];
const ASKED_AGAIN_MS = 15_000;
const SILENT_MS = 120_000; // channels are looked for several times a minute

/** The address of the notifications of a state before one of them; null: all states, the newest. */
export function pathOf(state: State | null, before: number | null): string {
  const query = new URLSearchParams();
  if (state !== null) query.set("state", state);
  if (before !== null) query.set("before", String(before));
  return query.size === 0 ? PATH : `${PATH}?${query.toString()}`;
}

/** Whether nobody looks for flags for a channel: its process does not run. */
export function isSilent({ looked_at: lookedAt }: Channel, now: number): boolean {
  return lookedAt === null || Math.abs(now - new Date(lookedAt).getTime()) > SILENT_MS;
}

/** Whether it waits for a channel that the settings name no longer. */
export function isLeft({ state, channel }: Notification, channels: readonly Channel[]): boolean {
  return state === "waiting" && !channels.some((one) => one.name === channel);
}

export function useNotifications(state: State | null) {
  return useInfiniteQuery({
    queryKey: [...KEY, state],
    queryFn: ({ pageParam, signal }) => ask<Page>(pathOf(state, pageParam), signal),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.next_before,
    refetchInterval: ASKED_AGAIN_MS,
  });
}

/** What an administrator does; each is an event with her name. */
export function useNotificationActs() {
  const client = useQueryClient();
  const act = useAct();
  const onSettled = () => client.invalidateQueries({ queryKey: KEY });
  return {
    sendAgain: useMutation({
      mutationFn: (id: string) => act("POST", `${PATH}/${id}/send-again`),
      onSettled,
    }),
    test: useMutation({
      mutationFn: (channel: string) =>
        act<Tried>("POST", `${PATH}/channels/${encodeURIComponent(channel)}/test`),
    }),
  };
}
