import { type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { type Claim, Problem, type Row } from "../api";
import { useLiveChange } from "../live";
import { tell } from "../notices";
import { usePreferences } from "../preferences";
import { openStudy } from "../route";
import { useRoles } from "../session";
import { personName, sentence } from "../words";
import { began, claimedByHand, givenBackByHand, granted } from "./byItself";
import { ClaimDialog } from "./ClaimDialog";
import { type Claims, ClaimsContext } from "./claims";
import { useGivingBack } from "./useGivingBack";
import { askRow, useMyRows, useRowAct } from "./useRows";

interface Conflict {
  row: Row;
  claim: Claim; // the other person's
  opening: boolean; // the reader wanted to look, too
}

/** Lets pages claim, release and open studies, and says when two people want the same one. */
export function ClaimProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const canClaim = useRoles().includes("radiologist");
  const { claim_on_open: claimOnOpen } = usePreferences().preferences;
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const { mutateAsync: act } = useRowAct(); // each act is answered, also when another follows
  useTakenFromMe();

  const claims = useMemo<Claims & { giveBack: (uid: string) => void }>(() => {
    const giveBack = (uid: string) => {
      // Not held any more: then it is as it should be.
      act({ act: "release", uid }).catch(() => undefined);
    };
    const refused = (row: Row, opening: boolean) => (error: unknown) => {
      const other = error instanceof Problem ? error.body.claim : undefined;
      if (other !== undefined && !other.mine) setConflict({ row, claim: other, opening });
      else tell(error instanceof Problem ? sentence(error.message) : t("app.no_answer"));
    };
    const ask = (row: Row, opening: boolean) => {
      const uid = row.study_instance_uid;
      if (opening) began(uid);
      else claimedByHand(uid);
      act({ act: "claim", uid, body: { take_over: false } })
        .then(() => {
          if (opening && granted(uid)) giveBack(uid);
        })
        .catch((error: unknown) => {
          givenBackByHand(uid);
          refused(row, opening)(error);
        });
    };
    const open = (row: Row) => {
      const isUnread = row.reading_state === "unread";
      if (canClaim && isUnread && row.claim !== null && !row.claim.mine) {
        setConflict({ row, claim: row.claim, opening: true });
        return;
      }
      openStudy(row.study_instance_uid);
      if (canClaim && claimOnOpen && isUnread && row.claim === null) ask(row, true);
    };
    return {
      canClaim,
      giveBack,
      claim: (row) => {
        if (!canClaim || row.reading_state === "read") return;
        // Perhaps it was claimed by being opened: now it is by hand.
        if (row.claim?.mine) claimedByHand(row.study_instance_uid);
        else if (row.claim !== null) setConflict({ row, claim: row.claim, opening: false });
        else ask(row, false);
      },
      release: (row) => {
        if (row.claim === null) return;
        const uid = row.study_instance_uid;
        givenBackByHand(uid);
        act({ act: "release", uid }).catch(refused(row, false));
      },
      open,
      openByUid: (uid) => {
        askRow(uid, new AbortController().signal).then(open, () => {
          openStudy(uid); // whose page says what is the matter
        });
      },
    };
  }, [act, canClaim, claimOnOpen, t]);
  useGivingBack(claims.giveBack, claims.openByUid);

  return (
    <ClaimsContext value={claims}>
      {children}
      {conflict !== null && (
        <ClaimDialog
          {...conflict}
          onClose={() => {
            setConflict(null);
          }}
        />
      )}
    </ClaimsContext>
  );
}

/** Say when a study that this person was reading is another's now. */
function useTakenFromMe(): void {
  const { t } = useTranslation();
  const mine = useMyRows();
  useLiveChange(({ study_instance_uid: uid, kind }) => {
    const row = mine.find(({ study_instance_uid: one }) => one === uid);
    if (row === undefined || !kind.includes("claim")) return;
    askRow(row.study_instance_uid, new AbortController().signal).then(
      (now) => {
        if (now.claim === null || now.claim.mine) return;
        const words = t("claim.was_taken", {
          name: now.claim.display_name,
          patient: personName(row.patient_name),
        });
        tell(words, row.study_instance_uid);
      },
      () => undefined, // the list itself says when the node does not answer
    );
  });
}
