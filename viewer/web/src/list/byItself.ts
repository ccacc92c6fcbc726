/** Claims that opening a study made by itself: given back when it is left without any act. */

import { useSyncExternalStore } from "react";

interface Own {
  state: "asked" | "held" | "left"; // left: while the node had not answered yet
}

let own: ReadonlyMap<string, Own> = new Map<string, Own>();
const listeners = new Set<() => void>();

function set(uid: string, claim: Own | null): void {
  const next = new Map(own);
  if (claim === null) next.delete(uid);
  else next.set(uid, claim);
  own = next;
  for (const listener of listeners) listener();
}

const byHand = new Set<string>();

/** The reader claims it herself: opening it then makes no claim of its own. */
export function claimedByHand(uid: string): void {
  byHand.add(uid);
  keep(uid);
}

/** She gives it back herself, or it was another's. */
export function givenBackByHand(uid: string): void {
  byHand.delete(uid);
  keep(uid);
}

/** Opening this study asks for it. */
export function began(uid: string): void {
  if (!byHand.has(uid)) set(uid, { state: "asked" });
}

/** The node gave it; whether it must be given back, for it was left meanwhile. */
export function granted(uid: string): boolean {
  const claim = own.get(uid);
  if (claim === undefined) return false; // kept by an act
  set(uid, claim.state === "left" ? null : { state: "held" });
  return claim.state === "left";
}

/** It is the reader's own wish now, or it is not held at all. */
export function keep(uid: string): void {
  if (own.has(uid)) set(uid, null);
}

/** The study is no longer shown; whether it must be given back now. */
export function left(uid: string): boolean {
  const claim = own.get(uid);
  if (claim === undefined) return false;
  set(uid, claim.state === "asked" ? { state: "left" } : null);
  return claim.state === "held";
}

/** Nothing is held by whoever comes next. */
export function forgetAll(): void {
  byHand.clear();
  own = new Map();
}

/** The studies that must be given back when the page goes away at once. */
export function unkept(): readonly string[] {
  return [...own.keys()];
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Whether leaving this study gives it back. */
export function useIsUnkept(uid: string): boolean {
  return useSyncExternalStore(subscribe, () => own.has(uid));
}
