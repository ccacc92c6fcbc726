/** Who reads which study: asked for through one context, answered by `ClaimProvider`. */

import { createContext, useContext } from "react";

import type { Row } from "../api";

export interface Claims {
  canClaim: boolean; // radiologists
  claim: (row: Row) => void; // says so if somebody else has it
  release: (row: Row) => void;
  open: (row: Row) => void; // show the study; says so first if somebody else has it
  openByUid: (studyInstanceUid: string) => void; // the same from where no row is at hand
}

export const ClaimsContext = createContext<Claims | null>(null);

export function useClaims(): Claims {
  const claims = useContext(ClaimsContext);
  if (claims === null) throw new Error("no ClaimProvider stands around this");
  return claims;
}
