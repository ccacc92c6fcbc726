/** Messages exchanged with the RIS, as administrators see them (`viewer/messages_api.py`). */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { ask } from "../api";
import { useAct } from "../session";

export type State =
  | "accepted"
  | "ignored"
  | "refused"
  | "waiting"
  | "parked"
  | "superseded"
  | "outdated"
  | "dismissed";

export interface Message {
  message_id: string; // in-12 or out-12
  at: string;
  control_id: string;
  message_type: string;
  state: State;
  code: string; // of its acknowledgement; empty: none yet
  error: string; // in English, as the sender was told; empty: none
  accession_number: string;
  sender: string; // empty: this node
  attempts: number;
  next_try_at: string | null;
}

export interface DeadLetter extends Message {
  content: string; // the whole message, patient and all
}

const PATH = "/api/hl7";
const KEY = ["messages"];
const ASKED_AGAIN_MS = 15_000;
const MOST = 200;

/** The address of the newest messages. */
export function pathOf(onlyDead: boolean): string {
  return `${PATH}/messages?limit=${MOST}${onlyDead ? "&dead=true" : ""}`;
}

/** Whether somebody has to look after it. */
export function isDead({ state }: Message): boolean {
  return state === "refused" || state === "parked";
}

/** The segments of a message, one a line. */
export function segmentsOf(content: string): string[] {
  return content.split(/\r\n|\r|\n/).filter((one) => one !== "");
}

export function useMessages(onlyDead: boolean) {
  return useQuery({
    queryKey: [...KEY, onlyDead],
    queryFn: ({ signal }) => ask<Message[]>(pathOf(onlyDead), signal),
    refetchInterval: ASKED_AGAIN_MS,
  });
}

/** A dead letter whole; kept nowhere once it is closed. */
export function useDeadLetter(id: string) {
  return useQuery({
    queryKey: [...KEY, "whole", id],
    queryFn: ({ signal }) => ask<DeadLetter>(`${PATH}/dead-letters/${id}`, signal),
    gcTime: 0,
  });
}

/** Send a message again, or read it again; an event with the administrator's name. */
export function useAgain() {
  const client = useQueryClient();
  const act = useAct();
  return useMutation({
    mutationFn: (id: string) => act<Message>("POST", `${PATH}/messages/${id}/resend`),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
}

/** Let a dead letter be over; an event with the administrator's name and reason. */
export function useDismiss() {
  const client = useQueryClient();
  const act = useAct();
  return useMutation({
    mutationFn: ({ id, reason }: { id: string; reason: string }) =>
      act<Message>("POST", `${PATH}/messages/${id}/dismiss`, { reason }),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
}
