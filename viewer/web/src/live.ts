/** Hearing of changes as they happen (server-sent events). */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { doubtSession } from "./session";

export type LiveState = "connecting" | "live" | "reconnecting";

const GATHER_MS = 400; // a burst of outcomes is one question
const RETRY_MS = 3000;

/** Refetches what is shown whenever the node says something changed; says whether it can hear. */
export function useLiveUpdates(): LiveState {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");

  useEffect(() => {
    let source: EventSource | null = null;
    let retry: number | undefined;
    let gathering: number | undefined;

    const refetch = () => {
      gathering ??= window.setTimeout(() => {
        gathering = undefined;
        void client.invalidateQueries();
      }, GATHER_MS);
    };
    const connect = () => {
      source = new EventSource("/api/events");
      source.addEventListener("worklist", refetch);
      source.addEventListener("state", (event: MessageEvent<string>) => {
        const { listening } = JSON.parse(event.data) as { listening: boolean };
        setState(listening ? "live" : "reconnecting");
        refetch(); // whatever happened while nothing was heard
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
      window.clearTimeout(gathering);
    };
  }, [client]);

  return state;
}
