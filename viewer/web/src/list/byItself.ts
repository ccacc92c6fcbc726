/** Claims that opening a study made by itself: given back when it is left without any act. */

import { useSyncExternalStore } from "react";

import { type Said, sayToTabs } from "./tabs";

interface Own {
  since: string | null; // when the claim was made; null: the node has not answered yet
  isLeft: boolean; // before it did
  isLost: boolean; // its answer did not come
}

let own: ReadonlyMap<string, Own> = new Map<string, Own>();
const listeners = new Set<() => void>();

function replace(next: ReadonlyMap<string, Own>): void {
  own = next;
  for (const listener of listeners) listener();
}

function set(uid: string, claim: Own): void {
  replace(new Map(own).set(uid, claim));
}

/** This page need not think of it any more. */
export function drop(uid: string): void {
  if (own.has(uid)) replace(new Map([...own].filter(([one]) => one !== uid)));
}

const byHand = new Set<string>();

/** The reader claims it herself: opening it then makes no claim of its own. */
export function claimedByHand(uid: string): void {
  byHand.add(uid);
  drop(uid);
  sayToTabs({ kind: "by_hand", uid });
}

/** She gives it back herself, it was another's, or it is read. */
export function givenBackByHand(uid: string): void {
  byHand.delete(uid);
  drop(uid);
  sayToTabs({ kind: "given_back", uid });
}

/** It is the reader's own wish now. */
export function keep(uid: string): void {
  drop(uid);
  sayToTabs({ kind: "kept", uid });
}

/** Another page of this person said so. */
export function saidElsewhere({ kind, uid }: Exclude<Said, { kind: "hello" | "shows" }>): void {
  if (kind === "by_hand") byHand.add(uid);
  if (kind === "given_back") byHand.delete(uid);
  drop(uid);
}

/** The node ended the claim, whoever made it. */
export function ended(uid: string): void {
  byHand.delete(uid);
}

/** Opening this study asks for it. */
export function began(uid: string): void {
  if (!byHand.has(uid)) set(uid, { since: null, isLeft: false, isLost: false });
}

/** The node gave it; whether it must be given back, for it was left meanwhile. */
export function granted(uid: string, since: string): boolean {
  const claim = own.get(uid);
  if (claim === undefined) return false; // kept by an act
  if (claim.isLeft) drop(uid);
  else set(uid, { since, isLeft: false, isLost: false });
  return claim.isLeft;
}

/** The node did not answer: perhaps it gave it. */
export function lost(uid: string): void {
  const claim = own.get(uid);
  if (claim !== undefined) set(uid, { ...claim, isLost: true });
}

/** The reader holds it, as the node says; as `granted` if its answer had been lost. */
export function found(uid: string, since: string): boolean {
  return own.get(uid)?.isLost === true && granted(uid, since);
}

/** A claim that another page made by opening, or that could not be given back, is this page's. */
export function adopt(uid: string, since: string): void {
  if (own.has(uid) || byHand.has(uid)) return;
  set(uid, { since, isLeft: false, isLost: false });
}

/** The study is shown, perhaps again. */
export function shownAgain(uid: string): void {
  const claim = own.get(uid);
  if (claim?.isLeft === true) set(uid, { ...claim, isLeft: false });
}

/** The study is no longer shown; since when the claim is that must be given back now, if any. */
export function left(uid: string): string | null {
  const claim = own.get(uid);
  if (claim === undefined) return null;
  if (claim.since === null) set(uid, { ...claim, isLeft: true });
  else drop(uid);
  return claim.since;
}

/** Nothing is held by whoever comes next. */
export function forgetAll(): void {
  byHand.clear();
  replace(new Map());
}

/** The studies that must be given back when the page goes away, and since when they are held. */
export function unkept(): readonly (readonly [uid: string, since: string | null])[] {
  return [...own].map(([uid, { since }]) => [uid, since] as const);
}

const givingBack = new Map<string, Promise<unknown>>();

/** Studies that are being given back are not the reader's any more, whatever a row still says. */
export function noteGivingBack(uid: string, done: Promise<unknown>): void {
  const settled = done.finally(() => {
    if (givingBack.get(uid) === settled) givingBack.delete(uid);
  });
  givingBack.set(uid, settled);
}

/** Settles when the study was given back; undefined: it is not being given back. */
export function beingGivenBack(uid: string): Promise<unknown> | undefined {
  return givingBack.get(uid);
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
