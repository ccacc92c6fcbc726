/** Measured figures of a model card, in the order and words people read them in. */

import type { Figure, Figures } from "./api";
import { numberFormat, t } from "./language";

/** "box hit rate" of "box_hit_rate", "AUC" of "auc". */
export function figureName(name: string): string {
  return name
    .replaceAll("_", " ")
    .replace(/\b(auc|ece|map50|ap)\b/g, (short) => (short === "map50" ? "mAP50" : short.toUpperCase()));
}

/** A figure as text: three significant places of a fraction, "0.89 to 0.95" of an interval. */
export function figureWords(figure: Figure, interval = false): string {
  if (figure === null) return t("card.not_measured");
  if (typeof figure === "number") {
    const places = Number.isInteger(figure) ? {} : { maximumSignificantDigits: 3 };
    return numberFormat({ useGrouping: false, ...places }).format(figure);
  }
  if (Array.isArray(figure)) {
    const [from = "", to = "", ...more] = figure.map((one) => figureWords(one));
    if (interval && figure.length === 2) return t("card.interval", { from, to });
    return [from, to, ...more].slice(0, figure.length).join(", ");
  }
  return typeof figure === "object" ? JSON.stringify(figure) : String(figure);
}

/** The figures that are one line each; tables and empty lists are left to `subgroupsOf`. */
export function plainFigures(figures: Figures): [string, string][] {
  return Object.entries(figures)
    .filter(([, value]) => value === null || typeof value !== "object" || Array.isArray(value))
    .filter(([, value]) => !Array.isArray(value) || value.length > 0)
    .filter(([, value]) => !Array.isArray(value) || value.every((one) => typeof one !== "object"))
    .filter(([name]) => !isInterval(name, figures))
    .map(([name]) => [figureName(name), withInterval(name, figures)]);
}

function isInterval(name: string, figures: Figures): boolean {
  return name.endsWith("_ci95") && figures[name.replace(/_ci95$/, "")] !== undefined;
}

/** "0.9 (0.8 to 0.95)", the 95 % interval in brackets where the card has it. */
function withInterval(name: string, figures: Figures): string {
  const interval = figures[`${name}_ci95`] ?? null;
  const words = figureWords(figures[name] ?? null);
  return interval === null ? words : `${words} (${figureWords(interval, true)})`;
}

export interface Subgroups {
  columns: string[];
  rows: { name: string; cells: string[] }[];
}

/** Subgroups as a table, with every figure that any of them has; null: none. */
export function subgroupsOf(figures: Figures): Subgroups | null {
  const groups = figures.subgroups;
  if (groups === null || typeof groups !== "object" || Array.isArray(groups)) return null;
  const rows = Object.entries(groups).filter(
    (one): one is [string, Figures] =>
      one[1] !== null && typeof one[1] === "object" && !Array.isArray(one[1]),
  );
  if (rows.length === 0) return null;
  const columns = [
    ...new Set(
      rows.flatMap(([, values]) => Object.keys(values).filter((name) => !isInterval(name, values))),
    ),
  ];
  return {
    columns: columns.map(figureName),
    rows: rows.map(([name, values]) => ({
      name: figureName(name),
      cells: columns.map((column) =>
        values[column] === undefined ? "" : withInterval(column, values),
      ),
    })),
  };
}
