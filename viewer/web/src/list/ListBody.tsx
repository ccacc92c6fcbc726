import { type ReactNode, type RefObject, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Row } from "../api";
import { showDialog } from "../dialogs";
import { KeyHelp } from "../KeyHelp";
import { type KeyHandlers, useKeys } from "../keys";
import { usePreferences } from "../preferences";
import { useRoles } from "../session";
import { useClaims } from "./claims";
import { type Cursor, settled, stepped } from "./cursor";
import { type Filters, isFiltered, NO_FILTERS } from "./filters";
import { LIST_KEYS, type ListAction } from "./listKeys";
import { PinDialog, PriorityDialog } from "./OverrideDialogs";
import { uidOf, useHeldWindow } from "./useHeldWindow";
import { useHover } from "./useHover";
import type { ListWindow } from "./useRows";
import { type ListView, Worklist } from "./Worklist";
import type { RowActs } from "./WorklistRow";

interface Props {
  page: ListWindow;
  cursor: Cursor;
  onCursor: (cursor: Cursor) => void;
  filters: Filters;
  onFilters: (filters: Filters) => void;
  view: RefObject<ListView | null>;
  search: RefObject<HTMLInputElement | null>;
  firstMenu: RefObject<HTMLButtonElement | null>;
  viewsButton: RefObject<HTMLButtonElement | null>;
  onFirst: (index: number) => void;
  isOver: boolean; // the pointer is over the list
  onOver: (isOver: boolean) => void;
  children: ReactNode; // instead of an empty list
}

type Open = { what: "priority" | "pin"; row: Row } | { what: "help" } | null;

/** The rows with what keys and pointers do to them. */
export function ListBody(props: Props) {
  const { page, onCursor, view } = props;
  const { t } = useTranslation();
  const { canClaim } = useClaims();
  const isAdministrator = useRoles().includes("administrator");
  const { density } = usePreferences().preferences;
  const [open, setOpen] = useState<Open>(null);
  const [menuOf, setMenuOf] = useState<string | null>(null);
  const held = useHeldWindow(page, props.isOver);
  const cursor = settled(props.cursor, held.shown, uidOf);
  useEffect(() => {
    if (cursor !== props.cursor) onCursor(cursor);
  });
  const hover = useHover();
  const [isPreviewed, setPreviewed] = useState(false); // the preview is shown where the keys are
  const canOverrule = canClaim || isAdministrator;
  const acts = useRowActs(onCursor, setOpen, setMenuOf, hover.over);
  const active = held.shown.rows.find((row) => uidOf(row) === cursor.uid) ?? null;
  const goTo = (index: number) => {
    const row = held.shown.rows[index - held.shown.offset];
    onCursor({ uid: row === undefined ? null : uidOf(row), index });
    view.current?.show(index);
    applyAtCursor();
  };
  // Whoever uses keys does not point: what waits is shown, and the marked study stays in sight.
  const [applied, setApplied] = useState(0);
  const applyAtCursor = () => {
    if (held.changes > 0) setApplied((before) => before + 1);
    held.apply();
  };
  useEffect(() => {
    if (applied > 0 && cursor.index >= 0) view.current?.show(cursor.index);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- where it has moved to, once
  }, [applied]);
  useKeys(LIST_KEYS, {
    ...moveHandlers(cursor.index, page.matching, view, goTo),
    ...findHandlers(props, canClaim),
    ...studyHandlers(active, canOverrule && active?.reading_state === "unread" ? acts : null, acts),
    show_changes: applyAtCursor,
    preview: () => {
      setPreviewed((before) => !before);
    },
    ...(isAdministrator && {
      ai: () => {
        showDialog("ai");
      },
    }),
    preferences: () => {
      showDialog("preferences");
    },
    help: () => {
      setOpen({ what: "help" });
    },
  });
  const close = () => {
    setOpen(null);
  };
  return (
    <>
      {page.matching === 0 && held.shown.rows.length === 0 ? (
        props.children
      ) : (
        <Worklist
          held={held}
          total={page.matching}
          cursor={cursor}
          density={density}
          menuOf={menuOf}
          preview={hover.uid ?? (isPreviewed ? cursor.uid : null)}
          canClaim={canClaim}
          canOverrule={canOverrule}
          acts={acts}
          view={view}
          onFirst={props.onFirst}
          onOver={props.onOver}
        />
      )}
      {open?.what === "priority" && <PriorityDialog row={open.row} onClose={close} />}
      {open?.what === "pin" && <PinDialog row={open.row} onClose={close} />}
      {open?.what === "help" && (
        <KeyHelp
          table={LIST_KEYS}
          sayAction={(action) => t(`list_keys.${action}`)}
          sayGroup={(group) => t(`list_keys.group_${group}`)}
          onClose={close}
        />
      )}
    </>
  );
}

type Handlers = KeyHandlers<ListAction>;

function useRowActs(
  onCursor: (cursor: Cursor) => void,
  setOpen: (open: Open) => void,
  setMenuOf: (uid: string | null) => void,
  over: (uid: string | null) => void,
): RowActs {
  const { claim, release, open } = useClaims();
  return useMemo(
    () => ({
      claim,
      release,
      open,
      select: (row, index) => {
        onCursor({ uid: uidOf(row), index });
      },
      priority: (row) => {
        setOpen({ what: "priority", row });
      },
      pin: (row) => {
        setOpen({ what: "pin", row });
      },
      menu: (row) => {
        setMenuOf(row === null ? null : uidOf(row));
      },
      over: (row) => {
        over(row === null ? null : uidOf(row));
      },
    }),
    [claim, release, open, onCursor, setOpen, setMenuOf, over],
  );
}

function moveHandlers(
  index: number,
  total: number,
  view: RefObject<ListView | null>,
  goTo: (index: number) => void,
): Handlers {
  const handlers: Handlers = {};
  for (const action of ["down", "up", "page_down", "page_up", "top", "bottom"] as const) {
    handlers[action] = () => {
      const target = stepped(action, index, total, view.current?.pageRows() ?? 1);
      if (target !== null) goTo(target);
    };
  }
  return handlers;
}

function findHandlers(props: Props, canClaim: boolean): Handlers {
  const { filters, onFilters, search, firstMenu, viewsButton } = props;
  return {
    search: () => {
      search.current?.focus();
      search.current?.select();
    },
    filters: () => firstMenu.current?.click(),
    views: () => viewsButton.current?.click(),
    free: () => {
      onFilters({ ...filters, free: !filters.free, mine: false });
    },
    ...(isFiltered(filters) && {
      clear: () => {
        onFilters(NO_FILTERS);
      },
    }),
    ...(canClaim && {
      mine: () => {
        onFilters({ ...filters, mine: !filters.mine, free: false });
      },
    }),
  };
}

/** What keys do to the study they are at; `overruling` is null where the person may not. */
function studyHandlers(row: Row | null, overruling: RowActs | null, acts: RowActs): Handlers {
  if (row === null) return {};
  return {
    open: () => {
      acts.open(row);
    },
    claim: () => {
      acts.claim(row);
    },
    ...(row.claim?.mine && {
      release: () => {
        acts.release(row);
      },
    }),
    ...(overruling !== null && {
      priority: () => {
        overruling.priority(row);
      },
      pin: () => {
        overruling.pin(row);
      },
    }),
  };
}
