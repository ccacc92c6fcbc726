/** Hearing of changes as they happen (server-sent events). */

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { doubtSession } from "./session";

export type LiveState = "connecting" | "live" | "reconnecting";

/** A new flag, as a change tells of it. */
export interface Flag {
  detector: string;
  probability: number;
}

/** What the node says of a change; what it changed to must be asked for. */
export interface LiveChange {
  event_id: number;
  study_instance_uid: string | null; // null: the list as a whole
  kind: string;
  at: string;
  flagged?: Flag | null;
  missed?: boolean; // of a time in which this page did not hear
}

const GATHER_MS = 400; // a burst of outcomes is one question
const RETRY_MS = 3000;

const listeners = new Set<(change: LiveChange) => void>();

/** Hear of each change by itself, in a page that has `useLiveUpdates`. */
export function useLiveChange(listener: (change: LiveChange) => void): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => {
    const hear = (change: LiveChange) => {
      latest.current(change);
    };
    listeners.add(hear);
    return () => {
      listeners.delete(hear);
    };
  }, []);
}

/** The number of the last event that has one: a state may have none, and forgets nothing. */
export function lastHeard(heard: string, { lastEventId }: Pick<MessageEvent, "lastEventId">): string {
  return lastEventId === "" ? heard : lastEventId;
}

/** Refetches what is shown whenever the node says something changed; says whether it can hear. */
export function useLiveUpdates(): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");

  useEffect(() => {
    const stale = new Stale(client);
    let source: EventSource | null = null;
    let retry: number | undefined;
    let heard = ""; // number of the last event; the browser says it only when it reconnects by itself

    const connect = () => {
      source = new EventSource(heard === "" ? "/api/events" : `/api/events?after=${heard}`);
      source.addEventListener("worklist", (event: MessageEvent<string>) => {
        heard = lastHeard(heard, event);
        const change = JSON.parse(event.data) as LiveChange;
        stale.note(change.study_instance_uid);
        for (const listener of listeners) listener(change);
      });
      source.addEventListener("state", (event: MessageEvent<string>) => {
        heard = lastHeard(heard, event);
        const { listening } = JSON.parse(event.data) as { listening: boolean };
        setState(listening ? "live" : "reconnecting");
        stale.note(null); // whatever happened while nothing was heard
      });
      source.onerror = () => {
        setState("reconnecting");
        if (source?.readyState === EventSource.CLOSED) {
          doubtSession(client);
          retry = window.setTimeout(connect, RETRY_MS);
        }
      };
    };
    connect();
    return () => {
      source?.close();
      window.clearTimeout(retry);
      stale.close();
    };
  }, [client]);

  return state;
}

/** Ask for a study anew. The first answer, where it is on its way still, may be older: not that one. */
export async function askStudyAgain(client: QueryClient, studyInstanceUid: string): Promise<void> {
  const asked = { queryKey: ["study", studyInstanceUid] };
  await client.cancelQueries(asked);
  await client.invalidateQueries(asked);
}

/** What must be asked again: soon, and not while nobody can see the page. */
class Stale {
  private readonly studies = new Set<string>();
  private all = false;
  private timer: number | undefined;

  constructor(private readonly client: QueryClient) {
    document.addEventListener("visibilitychange", this.plan);
  }

  note(studyInstanceUid: string | null): void {
    if (studyInstanceUid === null) this.all = true;
    else this.studies.add(studyInstanceUid);
    this.plan();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.plan);
    window.clearTimeout(this.timer);
  }

  private readonly plan = () => {
    if (document.hidden || (!this.all && this.studies.size === 0)) return;
    this.timer ??= window.setTimeout(this.refetch, GATHER_MS);
  };

  private readonly refetch = () => {
    this.timer = undefined;
    if (this.all) {
      void this.client.invalidateQueries();
    } else {
      void this.client.invalidateQueries({ queryKey: ["worklist"] });
      void this.client.invalidateQueries({ queryKey: ["next-study"] }); // it may be another's now
      for (const uid of this.studies) {
        void askStudyAgain(this.client, uid);
      }
    }
    this.all = false;
    this.studies.clear();
  };
}
