import { Button, Loader } from "@mantine/core";
import { IconAlertTriangle, IconCpu } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useCallback, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { ask, type NodeInfo } from "../api";
import { showDialog } from "../dialogs";
import type { LiveState } from "../live";
import { useRoles } from "../session";
import { Mark, TopBar } from "../TopBar";
import { sentence } from "../words";
import { Banners, BannerSlot } from "./Banners";
import { useClaims } from "./claims";
import { type Cursor, NOWHERE } from "./cursor";
import { FilterBar } from "./FilterBar";
import { type Filters, filtersOf, isFiltered, NO_FILTERS, queryOf } from "./filters";
import { ListBody } from "./ListBody";
import { useWindowOffset } from "./useWindowOffset";
import { type ListWindow, useListWindow, useMyRows } from "./useRows";
import type { ListView } from "./Worklist";
import classes from "./WorklistPage.module.css";

/** Where the reader is in the list; kept while a study is open. */
export interface ListPlace {
  filters: Filters;
  cursor: Cursor;
}

export const FIRST_PLACE: ListPlace = { filters: NO_FILTERS, cursor: NOWHERE };

interface Props {
  live: LiveState;
  place: ListPlace;
  onPlace: (change: (before: ListPlace) => ListPlace) => void;
}

export function WorklistPage({ live, place: { filters, cursor }, onPlace }: Props) {
  const { t } = useTranslation();
  const isAdministrator = useRoles().includes("administrator");
  const { canClaim } = useClaims();
  const query = queryOf(filters);
  const { offset, onFirst } = useWindowOffset(query, cursor.index);
  const list = useListWindow(query, offset);
  const mine = useMyRows();
  const view = useRef<ListView>(null);
  const search = useRef<HTMLInputElement>(null);
  const firstMenu = useRef<HTMLButtonElement>(null);
  const viewsButton = useRef<HTMLButtonElement>(null);
  const setFilters = (next: Filters) => {
    onPlace(() => ({ filters: next, cursor: NOWHERE }));
  };
  const onCursor = useCallback(
    (next: Cursor) => {
      onPlace((before) => ({ ...before, cursor: next }));
    },
    [onPlace],
  );
  const page = list.data;
  const [isOver, setOver] = useState(false); // the pointer is over the list: nothing moves there

  return (
    <div className={classes.page}>
      <TopBar live={live}>
        <Mark />
        <h1 className={classes.title}>{t("list.title")}</h1>
        {page !== undefined && <Count page={page} />}
        {isAdministrator && page !== undefined && <AiButton page={page} />}
      </TopBar>
      <FilterBar
        filters={filters}
        onChange={setFilters}
        mineCount={mine.length}
        canClaim={canClaim}
        search={search}
        firstMenu={firstMenu}
        viewsButton={viewsButton}
        onDone={() => view.current?.focus()}
      />
      <BannerSlot isHeld={isOver}>
        {page !== undefined && <Banners page={page} canStart={isAdministrator} />}
        {list.isError && (
          <Refusal error={list.error} stale={page !== undefined} retry={() => void list.refetch()} />
        )}
      </BannerSlot>
      {list.isPending && <Loader className={classes.loader} aria-label={t("list.loading")} />}
      {page !== undefined && (
        <ListBody
          key={page.query}
          page={page}
          cursor={cursor}
          onCursor={onCursor}
          filters={filters}
          onFilters={setFilters}
          view={view}
          search={search}
          firstMenu={firstMenu}
          viewsButton={viewsButton}
          onFirst={onFirst}
          isOver={isOver}
          onOver={setOver}
        >
          {isFiltered(filters) ? (
            <NoMatch
              onClear={() => {
                setFilters(NO_FILTERS);
              }}
            />
          ) : (
            <Empty />
          )}
        </ListBody>
      )}
    </div>
  );
}

function Count({ page }: { page: ListWindow }) {
  const { t } = useTranslation();
  return (
    <span className={classes.total} data-testid="count" aria-live="polite">
      {countWords(page, t)}
    </span>
  );
}

function countWords(page: ListWindow, t: TFunction): string {
  if (page.query === "") return t("list.studies", { count: page.total });
  if (!filtersOf(page.query).read) {
    return t("list.matching", { matching: page.matching, count: page.total });
  }
  return page.matching_limited
    ? t("list.read_limited", { matching: page.matching })
    : t("list.read", { count: page.matching });
}

/** For administrators: whether AI runs, and the way to stop it. */
function AiButton({ page }: { page: ListWindow }) {
  const { t } = useTranslation();
  const state = page.ai_stopped ? "stopped" : page.stopped_detectors.length > 0 ? "part" : "on";
  return (
    <Button
      size="compact-sm"
      variant="default"
      className={classes.ai ?? ""}
      data-state={state}
      leftSection={<IconCpu size={15} aria-hidden />}
      onClick={() => {
        showDialog("ai");
      }}
    >
      {t(`ai.button_${state}`)}
    </Button>
  );
}

function Refusal({ error, stale, retry }: { error: Error; stale: boolean; retry: () => void }) {
  const { t } = useTranslation();
  return (
    <div className={classes.refusal} role="alert">
      <IconAlertTriangle size={17} aria-hidden />
      <span>
        <strong>{stale ? t("list.out_of_date") : t("list.cannot_be_shown")}</strong>{" "}
        {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
      </span>
      <Button size="compact-sm" variant="default" onClick={retry}>
        {t("app.try_again")}
      </Button>
    </div>
  );
}

function NoMatch({ onClear }: { onClear: () => void }) {
  const { t } = useTranslation();
  return (
    <main className={classes.empty}>
      <h2>{t("filter.no_match")}</h2>
      <Button variant="default" size="compact-md" mt={10} onClick={onClear}>
        {t("filter.clear")}
      </Button>
    </main>
  );
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

function sendCommand(port: number): string {
  return `vigie send localhost ${port} FOLDER`;
}

function Empty() {
  const { t } = useTranslation();
  const node = useQuery({
    queryKey: ["node"],
    queryFn: ({ signal }) => ask<NodeInfo>("/api/node", signal),
  });
  return (
    <main className={classes.empty}>
      <Mark />
      <h2>{t("list.empty")}</h2>
      {node.data !== undefined && (
        <>
          <p>{t("list.empty_hint")}</p>
          <dl>
            <dt>{t("list.ae_title")}</dt>
            <dd>{node.data.ae_title}</dd>
            <dt>{t("list.host")}</dt>
            <dd>{LOOPBACK.has(window.location.hostname) ? t("list.this_computer") : window.location.hostname}</dd>
            <dt>{t("list.port")}</dt>
            <dd>{node.data.dicom_port}</dd>
          </dl>
          <p>
            {t("list.send_hint")}
            <code>{sendCommand(node.data.dicom_port)}</code>
          </p>
        </>
      )}
    </main>
  );
}
