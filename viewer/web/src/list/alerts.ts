/** Telling of a new flag while the reader looks elsewhere: a desktop notification, a sound. */

type Permission = NotificationPermission | "unsupported";

/** Browsers show notifications for pages by TLS or from their own machine only. */
export function permission(): Permission {
  return "Notification" in window ? Notification.permission : "unsupported";
}

export async function askPermission(): Promise<Permission> {
  return "Notification" in window ? Notification.requestPermission() : "unsupported";
}

interface Tone {
  at_s: number;
  hz: number;
}

const TONES: readonly Tone[] = [
  { at_s: 0, hz: 659.3 },
  { at_s: 0.16, hz: 880 },
];
const LASTS_S = 0.5;
const LOUDNESS = 0.12; // of 1: a reading room is quiet

let audio: AudioContext | null = null;

/** Two soft tones, the second higher. */
export function ring(): void {
  audio ??= new AudioContext();
  void audio.resume();
  for (const tone of TONES) play(audio, tone);
}

function play(context: AudioContext, { at_s, hz }: Tone): void {
  const start = context.currentTime + at_s;
  const oscillator = new OscillatorNode(context, { frequency: hz, type: "sine" });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(LOUDNESS, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + LASTS_S);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + LASTS_S);
}

/** Do it in one of the tabs that hear of the same event. */
export function once(event: string, what: () => void): void {
  const STAYS_MS = 5000;
  // Plain pages from another machine have no locks; they get no notifications either.
  if (!("locks" in navigator)) {
    what();
    return;
  }
  void navigator.locks.request(`vigie-${event}`, { ifAvailable: true }, async (lock) => {
    if (lock === null) return;
    what();
    await new Promise((resolve) => window.setTimeout(resolve, STAYS_MS));
  });
}
