import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { change } from "../api";
import { useOpenStudy } from "../route";
import { isSignedIn, tokenOf } from "../session";
import { adopt, drop, forgetAll, left, saidElsewhere, shownAgain, unkept } from "./byItself";
import { joinTabs, leaveToTab, showInTabs } from "./tabs";
import { ownClaimPath } from "./useRows";

const AGAIN = "vigie-claimed-by-itself";

type Again = [uid: string, since: string | null];

/**
 * Give studies back that were claimed by being opened, when they are left without any act.
 *
 * Another page of the same person that shows the study inherits the claim.
 *
 * @param giveBack asks the node
 * @param claimAgain opens a study as the list does; the page was only loaded anew
 */
export function useGivingBack(
  giveBack: (studyInstanceUid: string, since: string) => void,
  claimAgain: (studyInstanceUid: string) => void,
): void {
  const client = useQueryClient();
  const open = useOpenStudy();
  const shown = useRef<string | null>(null);
  const acts = useRef({ giveBack, claimAgain });
  useEffect(() => {
    acts.current = { giveBack, claimAgain };
  });
  useEffect(
    () =>
      joinTabs((said) => {
        if (said.kind === "hello" || said.kind === "shows") return;
        if (said.kind !== "left_to") saidElsewhere(said);
        else if (shown.current === said.uid) adopt(said.uid, said.since);
        else acts.current.giveBack(said.uid, said.since); // it has just left it, too
      }),
    [],
  );
  useEffect(() => {
    shown.current = open;
    showInTabs(open);
    if (open === null) return;
    shownAgain(open);
    return () => {
      shown.current = null;
      // After whatever comes next: shown again at once, it was not left.
      queueMicrotask(() => {
        if (!isSignedIn(client)) forgetAll(); // the node has ended all claims
        // Also those that could not be given back before.
        for (const [uid] of unkept()) {
          if (uid === shown.current) continue;
          const since = left(uid);
          if (since !== null && !leaveToTab(uid, since)) acts.current.giveBack(uid, since);
        }
      });
    };
  }, [client, open]);
  useEffect(() => {
    const onHide = () => {
      for (const [uid, since] of unkept()) {
        drop(uid);
        if (since !== null && leaveToTab(uid, since)) continue;
        if (uid === shown.current) {
          sessionStorage.setItem(AGAIN, JSON.stringify([uid, since] satisfies Again));
        }
        if (since === null) continue; // nobody knows which claim it would be
        const options = { keepalive: true }; // it outlives the page
        change("DELETE", ownClaimPath(uid, since), tokenOf(client), undefined, options).catch(
          () => undefined, // nobody is left to be told
        );
      }
      showInTabs(null);
    };
    const onShow = () => {
      showInTabs(shown.current);
      const kept = sessionStorage.getItem(AGAIN);
      sessionStorage.removeItem(AGAIN);
      if (kept === null) return;
      const [uid, since] = JSON.parse(kept) as Again;
      if (uid !== shown.current) return;
      // Asked for once more, so that it is known to be over before the study is claimed again.
      if (since !== null) acts.current.giveBack(uid, since);
      acts.current.claimAgain(uid);
    };
    onShow();
    window.addEventListener("pagehide", onHide);
    window.addEventListener("pageshow", onShow); // from the browser's memory
    return () => {
      window.removeEventListener("pagehide", onHide);
      window.removeEventListener("pageshow", onShow);
    };
  }, [client]);
}
