/** Who is signed in, and how that begins and ends (`viewer/session_api.py`). */

import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { ask, change } from "./api";
import { t } from "./language";
import { forgetAll } from "./list/byItself";

export type Role = "radiologist" | "qa_reviewer" | "administrator";

export interface Session {
  name: string | null; // null: nobody is signed in
  display_name: string | null;
  roles: Role[];
  must_change_password: boolean;
  has_password: boolean;
  csrf_token: string | null;
  single_sign_on: string | null; // what the button says; null: none is set up
  idle_limit_s: number | null;
  ends_at: string | null;
}

interface SignedOut {
  provider_address: string | null; // where to sign out of the single sign-on provider too
}

/** Where the way to the single sign-on provider begins. */
export const SIGN_ON_PATH = "/api/sign-on";

const SIGN_ON_REFUSALS = ["no-role", "over", "refused", "provider", "wait", "database"] as const;

/** Why the provider's way led nowhere, in our words for the node's. */
export function signOnRefusal(code: string): string {
  const known = SIGN_ON_REFUSALS.find((one) => one === code);
  return known === undefined ? "" : t(`sign_in.sign_on_${known}`);
}

const PATH = "/api/session";
const KEY = ["session"];
const WAS_IN = "vigie-was-signed-in";
const ASKED_AGAIN_MS = 60_000; // so that a session that is over does not leave patients on a screen

/** The session of this browser; undefined until the node has said. */
export function useSession() {
  return useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask<Session>(PATH, signal),
    refetchInterval: ASKED_AGAIN_MS,
  });
}

/** Ask again whether the session still holds. */
export function doubtSession(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: KEY });
}

/** Whether somebody is signed in, as far as this page knows. */
export function isSignedIn(client: QueryClient): boolean {
  return client.getQueryData<Session>(KEY)?.name != null;
}

/** What says that this page asks, and not another site. */
export function tokenOf(client: QueryClient): string | null {
  return client.getQueryData<Session>(KEY)?.csrf_token ?? null;
}

/** The roles of who is signed in. */
export function useRoles(): readonly Role[] {
  return useSession().data?.roles ?? [];
}

/** Changes something in the name of who is signed in; rejects with `Problem` where the node refuses. */
export function useAct() {
  const client = useQueryClient();
  return useCallback(
    <T>(
      method: "POST" | "PUT" | "DELETE",
      path: string,
      body?: unknown,
      options?: Pick<RequestInit, "signal">,
    ) => change<T>(method, path, tokenOf(client), body, options),
    [client],
  );
}

/** The ways in and out; each rejects with `Problem` where the node refuses. */
export function useDoor() {
  const client = useQueryClient();
  const token = () => tokenOf(client);
  const begin = (session: Session) => {
    forgetWhatWasSeen(client);
    client.setQueryData(KEY, session);
    noteSignedIn();
  };
  return {
    signIn: async (name: string, password: string) => {
      begin(await change<Session>("POST", PATH, null, { name, password }));
    },
    changePassword: async (present: string, chosen: string) => {
      const body = { present, new: chosen };
      begin(await change<Session>("POST", `${PATH}/password`, token(), body));
    },
    signOut: async () => {
      sessionStorage.removeItem(WAS_IN);
      const out = await change<SignedOut>("DELETE", PATH, token());
      forgetWhatWasSeen(client);
      if (out.provider_address !== null) {
        window.location.assign(out.provider_address);
        return;
      }
      await client.invalidateQueries({ queryKey: KEY });
    },
  };
}

/** This tab shows what a person saw; if that ends by itself, it says so. */
export function noteSignedIn(): void {
  sessionStorage.setItem(WAS_IN, "yes");
}

/** Whether somebody was signed in in this tab, and did not sign out. */
export function wasSignedIn(): boolean {
  return sessionStorage.getItem(WAS_IN) !== null;
}

/** What one person saw is not there for the next one. */
export function forgetWhatWasSeen(client: QueryClient): void {
  forgetAll();
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== KEY[0] });
}
