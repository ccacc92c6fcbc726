/** What a person chose for herself; kept by the node, so that it holds at every workstation. */

import { useMantineColorScheme } from "@mantine/core";
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { ask, change, type Preferences } from "./api";
import { chooseLanguage } from "./language";
import { tokenOf } from "./session";

const PATH = "/api/me/preferences";
const KEY = ["preferences"];

const DEFAULTS: Preferences = {
  language: null,
  theme: null,
  density: "comfortable",
  claim_on_open: true,
  notifications: false,
  sound: false,
  quiet_from: null,
  quiet_to: null,
};

/** What is being saved: an answer of that time may be older than what was chosen. */
const saving = { pending: 0, changes: 0 };

const KEPT = queryOptions({
  queryKey: KEY,
  queryFn: async ({ client, signal }) => {
    const { changes } = saving;
    const answer = await ask<Preferences>(PATH, signal);
    const isOld = saving.pending > 0 || saving.changes !== changes;
    return (isOld ? client.getQueryData<Preferences>(KEY) : undefined) ?? answer;
  },
  staleTime: Infinity,
});

export function usePreferences() {
  const client = useQueryClient();
  const kept = useQuery(KEPT);
  const preferences = { ...DEFAULTS, ...kept.data };
  const put = useMutation({
    mutationFn: (wanted: Preferences) =>
      // It outlives the page: a choice may be the last thing one does there.
      change<Preferences>("PUT", PATH, tokenOf(client), wanted, { keepalive: true }),
    scope: { id: PATH }, // one after the other
    onMutate: () => {
      saving.pending += 1;
    },
    onSettled: (_answer, error) => {
      saving.pending -= 1;
      saving.changes += 1;
      // What the node did not take is not shown as taken.
      return error === null ? undefined : client.invalidateQueries({ queryKey: KEY });
    },
  });
  const take = (known: Preferences | undefined, part: Partial<Preferences>) => {
    const wanted = { ...DEFAULTS, ...known, ...part };
    client.setQueryData(KEY, wanted); // at once: the next choice builds on it
    put.mutate(wanted);
  };
  return {
    preferences,
    error: put.error ?? kept.error,
    choose: (part: Partial<Preferences>) => {
      // Not on what was shown last: two choices may come before the page is drawn again.
      const known = client.getQueryData<Preferences>(KEY);
      if (known) {
        take(known, part);
        return;
      }
      // What was chosen before is not known yet, and must not be lost.
      client.query({ ...KEPT, staleTime: "static" }).then(
        () => {
          take(client.getQueryData<Preferences>(KEY), part);
        },
        () => undefined, // told as the error
      );
    },
  };
}

/** Let the page look and speak as its reader chose. */
export function useAppliedPreferences(): void {
  const { preferences } = usePreferences();
  // It would stop transitions by a style sheet that the page's policy refuses.
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const { theme, language } = preferences;
  useEffect(() => {
    // Who never chose keeps what this browser shows.
    if (theme !== null) setColorScheme(theme === "system" ? "auto" : theme);
  }, [theme, setColorScheme]);
  useEffect(() => {
    if (language !== null) chooseLanguage(language);
  }, [language]);
}
