import { nodeNow } from "../clock";
import { t } from "../language";
import { type Flag, useLiveChange } from "../live";
import { usePreferences } from "../preferences";
import { due, probability } from "../words";
import { once, permission, ring } from "./alerts";
import { useClaims } from "./claims";
import { isQuiet } from "./quiet";
import { askRow } from "./useRows";

/** Tell of new flags as the reader chose. A notification names no patient: others see the desk. */
export function useFlagAlerts(): void {
  const { preferences } = usePreferences();
  const { openByUid } = useClaims();
  useLiveChange(({ event_id: event, study_instance_uid: uid, flagged }) => {
    if (flagged == null || uid === null) return;
    const { notifications, sound, quiet_from: from, quiet_to: to } = preferences;
    if (isQuiet(from, to, new Date())) return;
    const pops = notifications && permission() === "granted";
    if (!pops && !sound) return;
    once(`flag-${event}`, () => {
      if (sound) ring();
      if (pops) void notify(flagged, uid, openByUid);
    });
  });
}

async function notify(flag: Flag, uid: string, open: (uid: string) => void): Promise<void> {
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
  const notification = new Notification(title, { body, tag: uid });
  notification.onclick = () => {
    window.focus();
    open(uid);
    notification.close();
  };
}
