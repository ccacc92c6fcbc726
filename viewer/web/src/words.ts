/** How names, ages, times and states are said to people. */

import type { Detector, Target } from "./api";
import { dateFormat, numberFormat, t } from "./language";

/**
 * A DICOM person name (PS3.5 section 6.2.1) as people write it: "SMITH, Ann (Dr)"; an
 * ideographic group follows in brackets.
 */
export function personName(received: string): string {
  const [alphabetic = "", ideographic = ""] = received.split("=");
  const main = nameGroup(alphabetic, true);
  const other = nameGroup(ideographic, false);
  if (main === "") return other === "" ? t("words.no_name") : other;
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
  if (months >= 24) return t("words.years", { years: Math.floor(months / 12) });
  if (months >= 2) return t("words.months", { months });
  const days = Math.floor((at - new Date(year, month - 1, day).getTime()) / 86_400_000);
  return days < 0 ? "" : t("words.days", { days });
}

/** A length of time with at most two units: "12 min", "2 h 05 min", "3 d 4 h". */
export function duration(ms: number): string {
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  if (minutes < 60) return t("words.minutes", { minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    const rest = minutes % 60;
    if (rest === 0) return t("words.hours", { hours });
    return t("words.hours_minutes", { hours, minutes: String(rest).padStart(2, "0") });
  }
  const rest = hours % 24;
  const days = Math.floor(hours / 24);
  return rest === 0 ? t("words.days", { days }) : t("words.days_hours", { days, hours: rest });
}

export interface Due {
  words: string;
  sentence: string;
  late: boolean;
  soon: boolean;
}

const SOON_MS = 15 * 60_000;

/** "in 12 min", "due now", "5 min late", and each as a sentence; `now` in ms, of the node's clock. */
export function due(dueAt: string, now: number): Due {
  const left = Date.parse(dueAt) - now;
  const away = { duration: duration(left) };
  if (left <= -60_000) {
    return {
      words: t("words.late", away),
      sentence: t("words.is_late", away),
      late: true,
      soon: false,
    };
  }
  if (left < 60_000) {
    return {
      words: t("words.due_now"),
      sentence: t("words.is_due_now"),
      late: false,
      soon: true,
    };
  }
  return {
    words: t("words.due_in", away),
    sentence: t("words.is_due_in", away),
    late: false,
    soon: left < SOON_MS,
  };
}

const CLOCK = { hour: "2-digit", minute: "2-digit" } as const;
const DAY = { day: "numeric", month: "short" } as const;
const SECOND = { second: "2-digit" } as const;

/** The clock time in the reader's zone, with the day when it is not today. */
export function timeOfDay(at: string, now: number): string {
  return dateFormat(isSameDay(at, now) ? CLOCK : { ...DAY, ...CLOCK }).format(new Date(at));
}

export function timeToTheSecond(at: string, now: number): string {
  const options = { ...CLOCK, ...SECOND };
  return dateFormat(isSameDay(at, now) ? options : { ...DAY, ...options }).format(new Date(at));
}

function isSameDay(at: string, now: number): boolean {
  return new Date(at).toDateString() === new Date(now).toDateString();
}

export function fullTime(at: string): string {
  return dateFormat({ dateStyle: "full", timeStyle: "long" }).format(new Date(at));
}

/** A birth date: a day without a zone. */
export function calendarDay(date: string): string {
  const day = dateFormat({ dateStyle: "medium", timeZone: "UTC" });
  return day.format(new Date(`${date}T00:00:00Z`));
}

/** A number with so many decimals, in the reader's way of writing. */
export function decimals(value: number, places: number): string {
  return numberFormat({
    minimumFractionDigits: places,
    maximumFractionDigits: places,
    useGrouping: false,
  }).format(value);
}

/** Two decimals, as in the reasons; never 1.00 or 0.00 for what is not certain. */
export function probability(p: number): string {
  if (p > 0.99 && p < 1) return t("words.above", { value: decimals(0.99, 2) });
  if (p < 0.01 && p > 0) return t("words.below", { value: decimals(0.01, 2) });
  return decimals(p, 2);
}

const FEMININE: ReadonlySet<Target> = new Set(["intracranial_haemorrhage", "fracture"]);

/** A detector's state beside its finding: in French the one agrees with the other. */
export function stateWords({ state, target }: Detector): string {
  const agrees = state === "flagged" || state === "not_flagged";
  return agrees && FEMININE.has(target) ? t(`state_feminine.${state}`) : t(`state.${state}`);
}

/** "flagged 0.91", of a detector that flags. */
export function flaggedWords({ target }: Detector, p: number): string {
  const said = { probability: probability(p) };
  return FEMININE.has(target) ? t("chip.flagged_feminine", said) : t("chip.flagged", said);
}

/** The same text with its numbers and units kept on one line. */
export function unbroken(text: string): string {
  return text.replace(/(\d) (?=(?:min|h|d|j)\b)/g, "$1\u00a0").replace(/→ /g, "→\u00a0");
}

/** A detail as the node says it, made a sentence. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
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
      from === to
        ? `${from}`
        : to === from + 1
          ? `${from}, ${to}`
          : t("words.range", { from, to }),
    )
    .join(", ");
}
