import { useEffect, useRef } from "react";

import type { Preferences } from "../api";
import { nodeNow } from "../clock";
import { t } from "../language";
import { type Flag, type LiveChange, useLiveChange } from "../live";
import { tell } from "../notices";
import { usePreferences } from "../preferences";
import { due, probability } from "../words";
import { permission, ring, takeUntold } from "./alerts";
import { useClaims } from "./claims";
import { isQuiet } from "./quiet";
import { askRow } from "./useRows";

const GATHER_MS = 400; // what was missed comes in one burst
const MOST_NOTIFICATIONS = 3; // of what was missed: more are one

interface Flagged {
  event_id: number;
  at: string;
  uid: string;
  flag: Flag;
}

type OpenStudy = (studyInstanceUid: string) => void;

/**
 * Tell of new flags as the reader chose. What came while nothing was heard is told when it is
 * heard again, also on the page: nobody saw it move.
 */
export function useFlagAlerts(): void {
  const { preferences } = usePreferences();
  const { openByUid } = useClaims();
  const missed = useRef<Flagged[]>([]);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
  }, []);
  useLiveChange((change) => {
    const flagged = flaggedOf(change);
    if (flagged === null) return;
    if (change.missed !== true) {
      void alertOf([flagged], preferences, openByUid);
      return;
    }
    missed.current.push(flagged);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      const all = missed.current.splice(0);
      const [only] = all;
      tell(t("alert.missed", { count: all.length }), all.length === 1 ? (only?.uid ?? null) : null);
      void alertOf(all, preferences, openByUid);
    }, GATHER_MS);
  });
}

function flaggedOf({ event_id, at, study_instance_uid: uid, flagged }: LiveChange): Flagged | null {
  return flagged == null || uid === null ? null : { event_id, at, uid, flag: flagged };
}

/** By sound and notification, in one of this browser's tabs, and not in quiet hours. */
async function alertOf(
  flags: readonly Flagged[],
  { notifications, sound, quiet_from: from, quiet_to: to }: Preferences,
  open: OpenStudy,
): Promise<void> {
  const pops = notifications && permission() === "granted";
  if ((!pops && !sound) || isQuiet(from, to, new Date())) return;
  const loud = flags.filter(({ at }) => !isQuiet(from, to, new Date(at)));
  const news = await takeUntold(loud);
  if (news.length === 0) return;
  if (sound) ring();
  if (!pops) return;
  if (news.length > MOST_NOTIFICATIONS) {
    show(t("alert.missed", { count: news.length }), { tag: "missed" }, null);
  } else for (const one of news) void notify(one, open);
}

/** A notification names no patient: others see the desk. */
async function notify({ flag, uid }: Flagged, open: OpenStudy): Promise<void> {
  let finding = flag.detector;
  let body = "";
  try {
    const row = await askRow(uid, new AbortController().signal);
    finding = row.detectors.find(({ name }) => name === flag.detector)?.finding ?? finding;
    const what = [...row.modalities, row.study_description].join(" ");
    body = `${what}\n${due(row.due_at, nodeNow()).sentence}`;
  } catch {
    // The flag is told all the same.
  }
  const title = t("alert.flagged", { finding, probability: probability(flag.probability) });
  show(title, { body, tag: uid }, () => {
    open(uid);
  });
}

function show(title: string, options: NotificationOptions, open: (() => void) | null): void {
  const notification = new Notification(title, options);
  notification.onclick = () => {
    window.focus();
    open?.();
    notification.close();
  };
}
