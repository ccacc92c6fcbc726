import { useElementSize, useMergedRef } from "@mantine/hooks";
import { IconAlertTriangle, IconArrowsSort } from "@tabler/icons-react";
import { type RefObject, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Preferences } from "../api";
import { useNow } from "../clock";
import type { Cursor } from "./cursor";
import { Preview } from "./Preview";
import type { RowWindow } from "./rowWindow";
import { type HeldWindow, uidOf } from "./useHeldWindow";
import { useMoves } from "./useMoves";
import { usePointerOver } from "./usePointerOver";
import classes from "./Worklist.module.css";
import { GhostRow, type RowActs, rowId, WorklistRow } from "./WorklistRow";

const ROW_HEIGHT = { comfortable: 54, compact: 40 }; // px, as in Worklist.module.css
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
  "reader",
] as const;

/** What the keys of the page need of the list. */
export interface ListView {
  pageRows: () => number;
  show: (index: number) => void;
  focus: () => void;
}

interface Props {
  held: HeldWindow;
  total: number; // rows of the list, drawn or not
  cursor: Cursor;
  density: Preferences["density"];
  menuOf: string | null; // the study whose menu is open
  preview: string | null; // the study whose preview is shown
  canClaim: boolean;
  canOverrule: boolean;
  acts: RowActs;
  view: RefObject<ListView | null>;
  onFirst: (index: number) => void; // the row at the top of what is seen
  onOver: (isOver: boolean) => void; // whether the pointer is over the list
}

/** The list in the server's order. Only rows in sight are drawn; they glide when they move. */
export function Worklist(props: Props) {
  const { cursor, onFirst } = props;
  const { t } = useTranslation();
  const { shown, changes, hasFlag, apply } = props.held;
  const total = Math.max(props.total, shown.offset + shown.rows.length); // some have left, and wait
  const rowHeight = ROW_HEIGHT[props.density];
  const order = useMemo<RowWindow<string>>(
    () => ({ offset: shown.offset, rows: shown.rows.map(uidOf) }),
    [shown.offset, shown.rows],
  );
  const [scrollTop, setScrollTop] = useState(0);
  const frame = useRef<HTMLElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const size = useElementSize<HTMLDivElement>();
  const scrollerRef = useMergedRef(scroller, size.ref);
  useMoves(scroller, order, rowHeight);
  usePointerOver(frame, props.onOver);

  const from = Math.max(0, Math.floor(scrollTop / rowHeight) - SPARE_ROWS);
  const to = Math.min(total, Math.ceil((scrollTop + size.height) / rowHeight) + SPARE_ROWS);

  useImperativeHandle(props.view, () => ({
    pageRows: () => Math.max(1, Math.floor((size.height - HEAD_HEIGHT) / rowHeight) - 1),
    show: (index) => {
      bringIntoView(scroller.current, index, rowHeight);
    },
    focus: () => grid.current?.focus({ preventScroll: true }),
  }));
  useEffect(() => {
    // Back from a study: go on from where it stands now.
    if (cursor.index < 0) return;
    bringIntoView(scroller.current, cursor.index, rowHeight);
    if (document.activeElement === document.body) grid.current?.focus({ preventScroll: true });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when the list is shown
  }, []);

  const onScroll = () => {
    const element = scroller.current;
    if (element === null) return;
    setScrollTop(element.scrollTop);
    onFirst(Math.floor(element.scrollTop / rowHeight));
  };

  return (
    <main ref={frame} className={classes.frame} data-density={props.density}>
      <div
        role="grid"
        ref={grid}
        aria-label={t("list.label")}
        aria-rowcount={total + 1}
        aria-colcount={COLUMNS.length}
        aria-activedescendant={cursor.uid === null ? undefined : rowId(cursor.uid)}
        tabIndex={0}
        className={classes.grid}
      >
        <div role="rowgroup" ref={scrollerRef} className={classes.scroller} onScroll={onScroll}>
          <div role="row" aria-rowindex={1} className={`${classes.row} ${classes.head}`}>
            {COLUMNS.map((column) => (
              <div role="columnheader" key={column}>
                {t(`list.column.${column}`)}
              </div>
            ))}
          </div>
          <div className={classes.canvas} style={{ height: total * rowHeight }}>
            <Rows {...props} from={from} to={to} rowHeight={rowHeight} />
            <PreviewBeside
              {...props}
              rowHeight={rowHeight}
              seen={{ top: scrollTop, bottom: scrollTop + size.height - HEAD_HEIGHT }}
            />
          </div>
        </div>
      </div>
      <div aria-live="polite">
        {changes > 0 && (
          <button type="button" className={classes.pill} data-flag={hasFlag} onClick={apply}>
            {hasFlag ? (
              <IconAlertTriangle size={18} aria-hidden />
            ) : (
              <IconArrowsSort size={15} aria-hidden />
            )}
            {hasFlag && <strong>{t("list.new_flag")}</strong>}
            {t("list.changes", { count: changes })}
            <span className={classes.pillHint}>{t("list.show_changes")}</span>
          </button>
        )}
      </div>
    </main>
  );
}

interface RowsProps extends Props {
  from: number;
  to: number; // not drawn any more
  rowHeight: number;
}

function Rows({ held: { shown }, from, to, rowHeight, cursor, acts, ...props }: RowsProps) {
  const now = useNow();
  const indices = Array.from({ length: Math.max(0, to - from) }, (_, step) => from + step);
  return indices.map((index) => {
    const row = shown.rows[index - shown.offset];
    const top = index * rowHeight;
    if (row === undefined) return <GhostRow key={`ghost-${index}`} index={index} top={top} />;
    const uid = uidOf(row);
    return (
      <WorklistRow
        key={uid}
        row={row}
        index={index}
        top={top}
        now={now}
        active={uid === cursor.uid}
        menuOpen={uid === props.menuOf}
        canClaim={props.canClaim}
        canOverrule={props.canOverrule}
        acts={acts}
      />
    );
  });
}

interface PreviewBesideProps extends Props {
  rowHeight: number;
  seen: { top: number; bottom: number }; // px of the canvas
}

/** The preview under its row; above it where there is no room below. */
function PreviewBeside({ held: { shown }, preview, rowHeight, seen }: PreviewBesideProps) {
  const at = shown.rows.findIndex((row) => uidOf(row) === preview);
  const row = shown.rows[at];
  if (row === undefined) return null;
  const top = (shown.offset + at) * rowHeight;
  return <Preview key={preview} row={row} top={top} bottom={top + rowHeight} seen={seen} />;
}

function bringIntoView(scroller: HTMLElement | null, index: number, rowHeight: number): void {
  if (scroller === null) return;
  const top = index * rowHeight;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  const overlap = top + rowHeight - scroller.scrollTop - (scroller.clientHeight - HEAD_HEIGHT);
  if (overlap > 0) scroller.scrollTop += overlap;
}
