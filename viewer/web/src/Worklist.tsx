import { useElementSize, useMergedRef } from "@mantine/hooks";
import { IconArrowsSort } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";

import type { Row } from "./api";
import { useNow } from "./clock";
import { openStudy } from "./route";
import { useHeldRows } from "./useHeldRows";
import { useMoves } from "./useMoves";
import classes from "./Worklist.module.css";
import { rowId, WorklistRow } from "./WorklistRow";

const ROW_HEIGHT = 54; // as in Worklist.module.css
const HEAD_HEIGHT = 30;
const SPARE_ROWS = 10; // drawn above and below what is seen
const COLUMNS = [
  "place",
  "due",
  "why",
  "patient",
  "age_sex",
  "study",
  "requested",
  "arrived",
  "ai",
] as const;

interface Props {
  rows: Row[];
  total: number;
  active: string | null; // the study the keys are at
  onActive: (studyInstanceUid: string) => void;
  more: (() => void) | null; // asks for the next page; null: none, or on its way
}

/** The list in the server's order. Only rows in sight are drawn; they glide when they move. */
export function Worklist({ rows: latest, total, active, onActive, more }: Props) {
  const { t } = useTranslation();
  const { rows, changes, hold, release } = useHeldRows(latest);
  const order = useMemo(() => rows.map((row) => row.study_instance_uid), [rows]);
  const now = useNow();
  const [scrollTop, setScrollTop] = useState(0);
  const grid = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const size = useElementSize<HTMLDivElement>();
  const scrollerRef = useMergedRef(scroller, size.ref);
  useMoves(scroller, order, ROW_HEIGHT);

  const from = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - SPARE_ROWS);
  const to = Math.ceil((scrollTop + size.height) / ROW_HEIGHT) + SPARE_ROWS;

  useEffect(() => {
    const at = order.indexOf(active ?? "");
    if (at < 0) return;
    // Back from a study: go on from where it stands now.
    bringIntoView(scroller.current, at);
    grid.current?.focus({ preventScroll: true });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the list is shown
  }, []);

  const onScroll = () => {
    const element = scroller.current;
    if (element === null) return;
    setScrollTop(element.scrollTop);
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (left < 20 * ROW_HEIGHT) more?.();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && active !== null) openStudy(active);
    const at = active === null ? -1 : order.indexOf(active);
    const target = keyTarget(event.key, at, order.length, Math.floor(size.height / ROW_HEIGHT));
    if (target === null) return;
    event.preventDefault();
    const uid = order[target];
    if (uid !== undefined) onActive(uid);
    bringIntoView(scroller.current, target);
  };

  return (
    <main className={classes.frame}>
      <div
        role="grid"
        ref={grid}
        aria-label={t("list.label")}
        aria-rowcount={total + 1}
        aria-colcount={COLUMNS.length}
        aria-activedescendant={active === null ? undefined : rowId(active)}
        tabIndex={0}
        className={classes.grid}
        onKeyDown={onKeyDown}
      >
        <div
          role="rowgroup"
          ref={scrollerRef}
          className={classes.scroller}
          onScroll={onScroll}
          onPointerMove={hold}
          onPointerLeave={release}
        >
          <div role="row" aria-rowindex={1} className={`${classes.row} ${classes.head}`}>
            {COLUMNS.map((column) => (
              <div role="columnheader" key={column}>
                {t(`list.column.${column}`)}
              </div>
            ))}
          </div>
          <div className={classes.canvas} style={{ height: rows.length * ROW_HEIGHT }}>
            {rows.slice(from, to).map((row, index) => (
              <WorklistRow
                key={row.study_instance_uid}
                row={row}
                index={from + index}
                top={(from + index) * ROW_HEIGHT}
                now={now}
                active={row.study_instance_uid === active}
                onActive={onActive}
              />
            ))}
          </div>
          {rows.length < total && (
            <div className={classes.more}>
              {t("list.shown", { shown: rows.length, total })}
              <button type="button" onClick={() => more?.()} disabled={more === null}>
                {more === null ? t("list.loading_more") : t("list.load_more")}
              </button>
            </div>
          )}
        </div>
      </div>
      <div aria-live="polite">
        {changes > 0 && (
          <button type="button" className={classes.pill} onClick={release}>
            <IconArrowsSort size={15} aria-hidden />
            {t("list.changes", { count: changes })}
            <span className={classes.pillHint}>{t("list.show_changes")}</span>
          </button>
        )}
      </div>
    </main>
  );
}

/** The row a key leads to; null for keys that lead nowhere. */
function keyTarget(key: string, at: number, rows: number, page: number): number | null {
  const step: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: rows - 1,
  };
  const target = step[key];
  return target === undefined ? null : Math.max(0, Math.min(rows - 1, target));
}

function bringIntoView(scroller: HTMLElement | null, index: number): void {
  if (scroller === null) return;
  const top = index * ROW_HEIGHT;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  const overlap = top + ROW_HEIGHT - scroller.scrollTop - (scroller.clientHeight - HEAD_HEIGHT);
  if (overlap > 0) scroller.scrollTop += overlap;
}
