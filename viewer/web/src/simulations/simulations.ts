/** What an order of the list would do: asked of the node (`viewer/simulations_api.py`), and drawn. */

import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import type { Target } from "../api";
import { useAct } from "../session";

export type Policy = "without_ai" | "flagged_first" | "flagged_first_preemptive" | "score" | "due_time";

export const CLASSES = [
  "diseased",
  "missed",
  "flagged",
  "unflagged",
  "non_diseased",
  "not_assessed",
  "interrupting",
] as const;

export type StudyClass = (typeof CLASSES)[number];

export interface Estimate {
  value: number;
  low: number | null; // null: too few to say
  high: number | null;
}

export interface ClassFigures {
  studies: number;
  mean: Estimate;
  median: Estimate;
  percentile_95: Estimate;
  percentile_99: Estimate;
  longest: number;
  over_target: Estimate; // share
  won: Estimate;
  lost: Estimate;
  theory_mean: number | null; // null: there is no formula
}

export interface Order {
  policy: Policy;
  classes: Partial<Record<StudyClass, ClassFigures>>;
}

export interface Simulation {
  orders: Order[];
  routine_target_min: number;
  finding_target_min: number;
}

/** A number that is asked for; per cent where `percent`, else minutes or a count. */
interface Field {
  usual: string; // empty: the node's
  min: number;
  max: number;
  step: number;
  percent?: true;
}

export const FIELDS = {
  traffic: { usual: "80", min: 5, max: 95, step: 1, percent: true },
  readers: { usual: "1", min: 1, max: 40, step: 1 },
  reading_min: { usual: "10", min: 0.1, max: 240, step: 0.1 },
  prevalence: { usual: "10", min: 0.1, max: 90, step: 0.1, percent: true },
  auc: { usual: "0.936", min: 0.51, max: 0.999, step: 0.001 },
  sensitivity: { usual: "90", min: 1, max: 99.9, step: 0.1, percent: true },
  ai_delay_min: { usual: "0", min: 0, max: 240, step: 0.5 },
  ai_failure_share: { usual: "0", min: 0, max: 90, step: 0.1, percent: true },
  interrupting_share: { usual: "0", min: 0, max: 50, step: 0.1, percent: true },
  routine_target_min: { usual: "", min: 1, max: 10080, step: 1 },
  finding_target_min: { usual: "", min: 1, max: 10080, step: 1 },
} as const satisfies Record<string, Field>;

export type FieldName = keyof typeof FIELDS;

export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];

export interface Asked extends Record<FieldName, string> {
  finding: Target;
}

export const USUAL: Asked = {
  finding: "intracranial_haemorrhage",
  ...(Object.fromEntries(FIELD_NAMES.map((name) => [name, FIELDS[name].usual])) as Record<
    FieldName,
    string
  >),
};

/** The fields whose text is no number within their bounds. */
export function wrongFields(asked: Asked): FieldName[] {
  return FIELD_NAMES.filter((name) => {
    const text = asked[name].trim();
    const { min, max, usual } = FIELDS[name];
    if (text === "") return usual !== "";
    const value = Number(text);
    return !(value >= min && value <= max) || (name === "readers" && !Number.isInteger(value));
  });
}

/** What the node is asked: shares instead of per cent, nothing where its own value counts. */
export function bodyOf(asked: Asked): Record<string, number | string> {
  const body: Record<string, number | string> = { finding: asked.finding };
  for (const name of FIELD_NAMES) {
    const field: Field = FIELDS[name];
    const text = asked[name].trim();
    if (text !== "") body[name] = field.percent ? Number(text) / 100 : Number(text);
  }
  return body;
}

/** Where a wait lies along the axis, 0 to 1: the square root keeps short and long ones apart. */
export function along(minutes: number, most: number): number {
  return most <= 0 ? 0 : Math.sqrt(Math.min(Math.max(minutes, 0), most) / most);
}

/** The longest 95th percentile of all: the end of the axis. */
export function mostOf(simulation: Simulation): number {
  return Math.max(
    ...simulation.orders.flatMap(({ classes }) =>
      Object.values(classes).map(({ percentile_95 }) => percentile_95.value),
    ),
  );
}

/** Ask for a simulation; another one, or leaving the page, ends the one under way. */
export function useSimulation() {
  const act = useAct();
  const underWay = useRef<AbortController | null>(null);
  useEffect(() => () => underWay.current?.abort(), []);
  return useMutation({
    mutationFn: (asked: Asked) => {
      underWay.current?.abort();
      underWay.current = new AbortController();
      const { signal } = underWay.current;
      return act<Simulation>("POST", "/api/simulations", bodyOf(asked), { signal });
    },
  });
}
