/** Which study is open, kept in the address so that Back and links work. */

import { useSyncExternalStore } from "react";

const STUDY = /^#\/studies\/([0-9.]{1,64})$/;

const SIGN_ON = /^#\/\?sign-on=([a-z-]{1,16})$/;
const PASSWORD = "#/password";
const ACCOUNTS = "#/accounts";
const NOTIFICATIONS = "#/notifications";
const DELIVERIES = "#/deliveries";
const MESSAGES = "#/messages";
const SIMULATIONS = "#/simulations";
const RECORD = /^#\/record\/([0-9.]{1,64})\/([0-9TZ:.+-]{1,40})$/;

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => {
    window.removeEventListener("hashchange", listener);
  };
}

/** The Study Instance UID in the address; null: the list. */
export function useOpenStudy(): string | null {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return STUDY.exec(hash)?.[1] ?? null;
}

/** Why single sign-on led nowhere, as the address says; null: it does not. */
export function useSignOnRefusal(): string | null {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return SIGN_ON.exec(hash)?.[1] ?? null;
}

/** Whether the address asks for the page on which a password is changed. */
export function useIsPasswordOpen(): boolean {
  return useSyncExternalStore(subscribe, () => window.location.hash) === PASSWORD;
}

/** Whether the address asks for the accounts. */
export function useIsAccountsOpen(): boolean {
  return useSyncExternalStore(subscribe, () => window.location.hash) === ACCOUNTS;
}

/** Whether the address asks for what was told on notification channels. */
export function useIsNotificationsOpen(): boolean {
  return useSyncExternalStore(subscribe, () => window.location.hash) === NOTIFICATIONS;
}

export function openNotifications(): void {
  window.location.hash = NOTIFICATIONS;
}

/** Whether the address asks for what goes back. */
export function useIsDeliveriesOpen(): boolean {
  return useSyncExternalStore(subscribe, () => window.location.hash) === DELIVERIES;
}

export function openDeliveries(): void {
  window.location.hash = DELIVERIES;
}

/** Whether the address asks for the messages exchanged with the RIS. */
export function useIsMessagesOpen(): boolean {
  return useSyncExternalStore(subscribe, () => window.location.hash) === MESSAGES;
}

export function openMessages(): void {
  window.location.hash = MESSAGES;
}

/** Whether the address asks what an order of the list would do. */
export function useIsSimulationsOpen(): boolean {
  return useSyncExternalStore(subscribe, () => window.location.hash) === SIMULATIONS;
}

export function openSimulations(): void {
  window.location.hash = SIMULATIONS;
}

/** A study and a moment of the record. */
export interface RecordPlace {
  study: string;
  at: string; // ISO 8601
}

/** The study and the moment that the address asks for; null: it does not. */
export function useOpenRecord(): RecordPlace | null {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  const [, study, at] = RECORD.exec(hash) ?? [];
  return study === undefined || at === undefined ? null : { study, at };
}

export function recordHref(studyInstanceUid: string, at: string): string {
  return `#/record/${studyInstanceUid}/${at}`;
}

export function openRecord(studyInstanceUid: string, at: string): void {
  window.location.hash = recordHref(studyInstanceUid, at);
}

export function openAccounts(): void {
  window.location.hash = ACCOUNTS;
}

export function openPassword(): void {
  window.location.hash = PASSWORD;
}

export function studyHref(studyInstanceUid: string): string {
  return `#/studies/${studyInstanceUid}`;
}

export function openStudy(studyInstanceUid: string): void {
  window.location.hash = studyHref(studyInstanceUid);
}

export function openList(): void {
  window.location.hash = "#/";
}
