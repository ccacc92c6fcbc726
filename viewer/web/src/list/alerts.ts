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

/** What tells a flag from all others, also from those of a node that was set up anew. */
interface Told {
  event_id: number;
  at: string;
}

const MOST_TOLD = 300;

/** Those that were not told yet, and what to remember as told. */
export function untold<T extends Told>(
  changes: readonly T[],
  told: readonly string[],
): { news: readonly T[]; told: readonly string[] } {
  const nameOf = ({ event_id: id, at }: Told) => `${id} ${at}`;
  const news = changes.filter((one) => !told.includes(nameOf(one)));
  return { news, told: [...told, ...news.map(nameOf)].slice(-MOST_TOLD) };
}

const TOLD = "vigie-told";

/** Those that no tab of this browser has told yet; from now on they count as told. */
export async function takeUntold<T extends Told>(changes: readonly T[]): Promise<readonly T[]> {
  const take = () => {
    const before = JSON.parse(localStorage.getItem(TOLD) ?? "[]") as string[];
    const { news, told } = untold(changes, before);
    localStorage.setItem(TOLD, JSON.stringify(told));
    return news;
  };
  // Plain pages from another machine have no locks; they get no notifications either.
  return "locks" in navigator ? navigator.locks.request(TOLD, take) : take();
}
