/** The keys by which an open study is claimed and let go of; those of the list. */

import type { TFunction } from "i18next";

import type { Row } from "../api";
import type { Claims } from "../list/claims";
import type { KeyAct } from "../viewport/keys";

/** The table of them; none for whom no study can be claimed, or once it is read. */
export function claimKeys(t: TFunction, row: Row, { canClaim, claim, release }: Claims): KeyAct[] {
  if (!canClaim || row.reading_state === "read") return [];
  const group = t("viewer.group.reading");
  return [
    {
      keys: ["c"],
      shown: "C",
      words: t("claim.read_this"),
      group,
      run: () => {
        claim(row);
      },
    },
    {
      keys: ["r"],
      shown: "R",
      words: t("claim.release"),
      group,
      run: () => {
        // An administrator may end another's claim, but not by a key pressed in passing.
        if (row.claim?.mine === true) release(row);
      },
    },
  ];
}
