import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { type Claim, Problem, type Row } from "../api";
import { useLiveChange } from "../live";
import { tell } from "../notices";
import { usePreferences } from "../preferences";
import { openStudy } from "../route";
import { useRoles } from "../session";
import { personName, sentence } from "../words";
import {
  adopt,
  began,
  beingGivenBack,
  claimedByHand,
  ended,
  found,
  givenBackByHand,
  granted,
  lost,
  noteGivingBack,
} from "./byItself";
import { ClaimDialog } from "./ClaimDialog";
import { type Claims, ClaimsContext } from "./claims";
import { leaveToTab } from "./tabs";
import { useGivingBack } from "./useGivingBack";
import { askRow, useAskMine, useMyRows, useRowAct } from "./useRows";

interface Conflict {
  row: Row;
  claim: Claim; // the other person's
  opening: boolean; // the reader wanted to look, too
}

interface ByItself {
  giveBack: (studyInstanceUid: string, since: string) => void;
  openAgain: (studyInstanceUid: string) => void;
  settleLost: (studyInstanceUid: string, since: string) => void;
}

const NOT_OURS = ["not_claimed", "claimed_by_another"]; // as it should be

/** Lets pages claim, release and open studies, and says when two people want the same one. */
export function ClaimProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const canClaim = useRoles().includes("radiologist");
  const { claim_on_open: claimOnOpen } = usePreferences().preferences;
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const { mutateAsync: act } = useRowAct(); // each act is answered, also when another follows
  const mine = useMyRows();
  useTakenFromMe(mine);

  const claims = useMemo<Claims & ByItself>(() => {
    const giveBack = (uid: string, since: string) => {
      const done = act({ act: "release", uid, since }).catch((error: unknown) => {
        if (error instanceof Problem && (error.status === 401 || NOT_OURS.includes(error.code))) return;
        adopt(uid, since); // leaving another study, or the page, tries again
        tell(t("claim.not_given_back"), uid);
      });
      noteGivingBack(uid, done);
    };
    const settle = (uid: string, since: string, isOver: boolean) => {
      if (isOver && !leaveToTab(uid, since)) giveBack(uid, since);
    };
    const refused = (row: Row, opening: boolean) => (error: unknown) => {
      const other = error instanceof Problem ? error.body.claim : undefined;
      if (other !== undefined && !other.mine) setConflict({ row, claim: other, opening });
      else tell(error instanceof Problem ? sentence(error.message) : t("app.no_answer"));
    };
    const ask = async (row: Row, opening: boolean) => {
      const uid = row.study_instance_uid;
      if (opening) began(uid);
      else claimedByHand(uid);
      try {
        await beingGivenBack(uid);
        const fresh = await act({ act: "claim", uid, body: { take_over: false } });
        const since = fresh?.claim?.since;
        if (opening && since !== undefined) settle(uid, since, granted(uid, since));
      } catch (error) {
        if (error instanceof Problem) givenBackByHand(uid);
        else lost(uid);
        refused(row, opening)(error);
      }
    };
    const open = (row: Row) => {
      const isUnread = row.reading_state === "unread";
      const isOver = row.claim?.mine === true && beingGivenBack(row.study_instance_uid) !== undefined;
      if (canClaim && isUnread && row.claim !== null && !row.claim.mine) {
        setConflict({ row, claim: row.claim, opening: true });
        return;
      }
      openStudy(row.study_instance_uid);
      if (canClaim && claimOnOpen && isUnread && (row.claim === null || isOver)) void ask(row, true);
    };
    return {
      canClaim,
      giveBack,
      openAgain: (uid) => {
        askRow(uid, new AbortController().signal).then(
          (row) => {
            const { claim } = row;
            // The node's answer came when the page was gone.
            if (claim?.mine && beingGivenBack(uid) === undefined) adopt(uid, claim.since);
            open(row);
          },
          () => undefined, // its page says what is the matter
        );
      },
      settleLost: (uid, since) => {
        settle(uid, since, found(uid, since));
      },
      claim: (row) => {
        if (!canClaim || row.reading_state === "read") return;
        // Perhaps it was claimed by being opened: now it is by hand.
        if (row.claim?.mine) claimedByHand(row.study_instance_uid);
        else if (row.claim !== null) setConflict({ row, claim: row.claim, opening: false });
        else void ask(row, false);
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
  useGivingBack(claims.giveBack, claims.openAgain);
  useEffect(() => {
    for (const { study_instance_uid: uid, claim } of mine) {
      if (claim?.mine) claims.settleLost(uid, claim.since);
    }
  }, [claims, mine]);

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

/** Say when a study that this person was reading is another's now, also if nothing was heard of it. */
function useTakenFromMe(mine: readonly Row[]): void {
  const { t } = useTranslation();
  const askMine = useAskMine();
  useLiveChange(({ study_instance_uid: uid, kind }) => {
    if (kind.includes("claim") && mine.some(({ study_instance_uid: one }) => one === uid)) askMine();
  });
  const before = useRef<readonly Row[]>([]);
  useEffect(() => {
    const held = new Set(mine.map(({ study_instance_uid: uid }) => uid));
    const gone = before.current.filter(({ study_instance_uid: uid }) => !held.has(uid));
    before.current = mine;
    for (const { study_instance_uid: uid, patient_name: name } of gone) {
      askRow(uid, new AbortController().signal).then(
        ({ claim }) => {
          if (claim === null) ended(uid);
          if (claim === null || claim.mine) return;
          givenBackByHand(uid);
          tell(t("claim.was_taken", { name: claim.display_name, patient: personName(name) }), uid);
        },
        () => undefined, // the list itself says when the node does not answer
      );
    }
  }, [mine, t]);
}
