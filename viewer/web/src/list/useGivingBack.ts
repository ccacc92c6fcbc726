import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { change, type Study, studyPath } from "../api";
import { useOpenStudy } from "../route";
import { isSignedIn, tokenOf } from "../session";
import { forgetAll, keep, left, unkept } from "./byItself";

const AGAIN = "vigie-claimed-by-itself";

/**
 * Give studies back that were claimed by being opened, when they are left without any act.
 *
 * @param giveBack asks the node
 * @param claimAgain opens a study as the list does; the page was only loaded anew
 */
export function useGivingBack(
  giveBack: (studyInstanceUid: string) => void,
  claimAgain: (studyInstanceUid: string) => void,
): void {
  const client = useQueryClient();
  const open = useOpenStudy();
  const shown = useRef<string | null>(null);
  const acts = useRef({ giveBack, claimAgain });
  useEffect(() => {
    acts.current = { giveBack, claimAgain };
  });
  useEffect(() => {
    shown.current = open;
    if (open === null) return;
    return () => {
      shown.current = null;
      // After whatever comes next: shown again at once, it was not left.
      queueMicrotask(() => {
        if (shown.current === open) return;
        if (!isSignedIn(client)) forgetAll(); // the node has ended all claims
        // It may be another's since: that person's claim is not ours to end.
        const claim = client.getQueryData<Study>(["study", open])?.row.claim;
        if (left(open) && claim?.mine !== false) acts.current.giveBack(open);
      });
    };
  }, [client, open]);
  useEffect(() => {
    const onHide = () => {
      for (const uid of unkept()) {
        sessionStorage.setItem(AGAIN, uid);
        const options = { keepalive: true }; // it outlives the page
        change("DELETE", `${studyPath(uid)}/claim`, tokenOf(client), undefined, options).catch(
          () => undefined, // nobody is left to be told
        );
        keep(uid);
      }
    };
    const onShow = () => {
      const again = sessionStorage.getItem(AGAIN);
      sessionStorage.removeItem(AGAIN);
      if (again !== null && again === shown.current) acts.current.claimAgain(again);
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
