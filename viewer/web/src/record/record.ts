/** The list as it was at a moment, put together from the event log (`viewer/record_api.py`). */

import { useQuery } from "@tanstack/react-query";

import { ask } from "../api";

export interface RowThen {
  place: number;
  study_instance_uid: string;
  pinned: boolean;
  due_at: string;
  received_at: string;
  reason: string;
}

export interface EventThen {
  event_id: number;
  at: string;
  actor: string;
  words: string;
}

export interface SaidThen {
  event_id: number;
  at: string;
  detector: string;
  actor: string;
  words: string;
  superseded: boolean;
  instances: [string, string][] | null; // UID and SHA-256; null: not recorded then
}

export interface StudyThen {
  study_instance_uid: string;
  moment: string;
  event_id: number;
  place: number | null; // null: it was not on the list
  total: number;
  why: string;
  row: RowThen | null;
  placed_by: EventThen | null;
  rows: RowThen[];
  said: SaidThen[];
  people: EventThen[];
  ai: EventThen[];
  incomplete: number;
}

const LINES = 50;

/** The address of a moment. */
export function pathOf(studyInstanceUid: string, at: string): string {
  return `/api/record/${studyInstanceUid}?limit=${LINES}&at=${encodeURIComponent(at)}`;
}

export function useStudyThen(studyInstanceUid: string, at: string) {
  return useQuery({
    queryKey: ["record", studyInstanceUid, at],
    queryFn: ({ signal }) => ask<StudyThen>(pathOf(studyInstanceUid, at), signal),
    staleTime: Infinity, // what was stays
    gcTime: 0,
  });
}

/** A moment at which an event was in the record: it is written some milliseconds after it is dated. */
export function momentAfter(at: string): string {
  return new Date(Date.parse(at) + 1000).toISOString();
}

/** A moment as a field of the kind datetime-local has it: this workstation's time, to the second. */
export function toField(at: string): string {
  const moment = new Date(at);
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

/** The moment that such a field names; null: none. */
export function fromField(value: string): string | null {
  const moment = new Date(value);
  return value === "" || Number.isNaN(moment.getTime()) ? null : moment.toISOString();
}
