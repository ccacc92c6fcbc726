/** Accounts of people, as administrators are shown them (`viewer/accounts_api.py`). */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { ask } from "../api";
import { doubtSession, type Role, useAct } from "../session";

export const ROLES: readonly Role[] = ["radiologist", "qa_reviewer", "administrator"];

export type AccountState = "enabled" | "one_time_password" | "one_time_password_over" | "disabled";

export interface Account {
  name: string;
  display_name: string;
  roles: Role[];
  state: AccountState;
  signed_in: boolean; // somewhere, now
  has_password: boolean;
  issuer: string | null; // of the single sign-on provider that vouches for the person
  created_at: string;
  disabled_at: string | null;
}

/** A one-time password, said once. */
export interface Given {
  account: Account;
  one_time_password: string | null; // null: comes by single sign-on
  lasts_until: string | null;
}

/** A password is given, one from before taken away, or only what is open ended. */
export function whatResetDoes(
  { issuer, has_password: hasPassword }: Pick<Account, "issuer" | "has_password">,
  wanted: boolean,
): "give" | "remove" | "end" {
  if (issuer === null || wanted) return "give";
  return hasPassword ? "remove" : "end";
}

const PATH = "/api/accounts";
const KEY = ["accounts"];
const ASKED_AGAIN_MS = 30_000;

export function useAccounts() {
  return useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask<Account[]>(PATH, signal),
    refetchInterval: ASKED_AGAIN_MS,
  });
}

export interface NewAccount {
  name: string;
  display_name: string;
  roles: readonly Role[];
}

/** What an administrator does with accounts; each is an event with her name. */
export function useAccountActs() {
  const client = useQueryClient();
  const act = useAct();
  const onSettled = () => {
    void client.invalidateQueries({ queryKey: KEY });
    doubtSession(client); // it may have been one's own account
  };
  const pathOf = (name: string, what: string) => `${PATH}/${encodeURIComponent(name)}/${what}`;
  return {
    add: useMutation({
      mutationFn: (account: NewAccount) => act<Given>("POST", PATH, account),
      gcTime: 0, // the password goes with its dialog
      onSettled,
    }),
    setRoles: useMutation({
      mutationFn: ({ name, roles }: { name: string; roles: readonly Role[] }) =>
        act<Account>("PUT", pathOf(name, "roles"), { roles }),
      onSettled,
    }),
    reset: useMutation({
      mutationFn: ({ name, oneTimePassword }: { name: string; oneTimePassword: boolean }) =>
        act<Given>("POST", pathOf(name, "reset"), { one_time_password: oneTimePassword }),
      gcTime: 0,
      onSettled,
    }),
    change: useMutation({
      mutationFn: ({ name, what }: { name: string; what: "disable" | "enable" | "end-sessions" }) =>
        act("POST", pathOf(name, what)),
      onSettled,
    }),
  };
}
