/** How names, ages, times and states are said to people. */

import type { OutcomeState, RequestedPriority } from "./api";

/**
 * A DICOM person name (PS3.5 section 6.2.1) as people write it: "SMITH, Ann (Dr)"; an
 * ideographic group follows in brackets.
 */
export function personName(received: string): string {
  const [alphabetic = "", ideographic = ""] = received.split("=");
  const main = nameGroup(alphabetic, true);
  const other = nameGroup(ideographic, false);
  if (main === "") return other === "" ? "(no name)" : other;
  return other === "" ? main : `${main} (${other})`;
}

function nameGroup(group: string, comma: boolean): string {
  const [family = "", given = "", middle = "", , suffix = ""] = group
    .split("^")
    .map((part) => part.trim());
  const first = [given, middle, suffix].filter((part) => part !== "").join(" ");
  return [family, first].filter((part) => part !== "").join(comma ? ", " : " ");
}

/** The age at `at` (ms): "67 y", "14 mo", "9 d"; empty when the birth date is not known. */
export function age(birthDate: string | null, at: number): string {
  if (birthDate === null) return "";
  const [year = 0, month = 1, day = 1] = birthDate.split("-").map(Number);
  const now = new Date(at);
  let months = (now.getFullYear() - year) * 12 + now.getMonth() + 1 - month;
  if (now.getDate() < day) months -= 1;
  if (months >= 24) return `${Math.floor(months / 12)} y`;
  if (months >= 2) return `${months} mo`;
  const days = Math.floor((at - new Date(year, month - 1, day).getTime()) / 86_400_000);
  return days < 0 ? "" : `${days} d`;
}

/** A length of time with at most two units: "12 min", "2 h 05 min", "3 d 4 h". */
export function duration(ms: number): string {
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    const rest = minutes % 60;
    return rest === 0 ? `${hours} h` : `${hours} h ${String(rest).padStart(2, "0")} min`;
  }
  const rest = hours % 24;
  return rest === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${rest} h`;
}

export interface Due {
  words: string;
  late: boolean;
  soon: boolean;
}

const SOON_MS = 15 * 60_000;

/** "in 12 min", "due now", "5 min late"; `now` in ms, of the node's clock. */
export function due(dueAt: string, now: number): Due {
  const left = Date.parse(dueAt) - now;
  if (left <= -60_000) return { words: `${duration(left)} late`, late: true, soon: false };
  if (left < 60_000) return { words: "due now", late: false, soon: true };
  return { words: `in ${duration(left)}`, late: false, soon: left < SOON_MS };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const clockToTheSecond = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const dayAndClockToTheSecond = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

/** The clock time in the reader's zone, with the day when it is not today. */
export function timeOfDay(at: string, now: number): string {
  return (isSameDay(at, now) ? clock : dayAndClock).format(new Date(at));
}

export function timeToTheSecond(at: string, now: number): string {
  const format = isSameDay(at, now) ? clockToTheSecond : dayAndClockToTheSecond;
  return format.format(new Date(at));
}

function isSameDay(at: string, now: number): boolean {
  return new Date(at).toDateString() === new Date(now).toDateString();
}

export function fullTime(at: string): string {
  return full.format(new Date(at));
}

/** A birth date: a day without a zone. */
export function calendarDay(date: string): string {
  return day.format(new Date(`${date}T00:00:00Z`));
}

export const PRIORITY_WORDS: Record<RequestedPriority, string> = {
  stat: "STAT",
  urgent: "Urgent",
  routine: "Routine",
};

/** None of these says that a study is healthy: silence is not a negative. */
export const STATE_WORDS: Record<OutcomeState, string> = {
  not_run_yet: "not run yet",
  running: "running",
  flagged: "flagged",
  not_flagged: "not flagged",
  not_applicable: "not applicable",
  failed: "failed",
  too_late: "too late",
  stopped: "stopped",
};

/** Two decimals, as in the reasons; never 1.00 or 0.00 for what is not certain. */
export function probability(p: number): string {
  if (p > 0.99 && p < 1) return "> 0.99";
  if (p < 0.01 && p > 0) return "< 0.01";
  return p.toFixed(2);
}

/** The same text with its numbers and units kept on one line. */
export function unbroken(text: string): string {
  return text.replace(/(\d) (?=(?:min|h|d)\b)/g, "$1\u00a0").replace(/→ /g, "→\u00a0");
}

/** A detail as the node says it, made a sentence. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/** "3, 5 to 8": slice numbers, ascending, with runs drawn together. */
export function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && n === last[1] + 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs
    .map(([from, to]) =>
      from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from} to ${to}`,
    )
    .join(", ");
}
