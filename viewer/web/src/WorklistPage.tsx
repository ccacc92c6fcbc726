import { Button, Loader } from "@mantine/core";
import { IconAlertTriangle, IconPlayerStop } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { ask, type NodeInfo, type Row, type WorklistPage as Page } from "./api";
import { noteNodeTime } from "./clock";
import type { LiveState } from "./live";
import { Mark, TopBar } from "./TopBar";
import { sentence } from "./words";
import { Worklist } from "./Worklist";
import classes from "./WorklistPage.module.css";

const PAGE_ROWS = 200;
const ANYWAY_MS = 30_000; // asked again even if no change was heard of

interface Props {
  live: LiveState;
  active: string | null; // the study the keys are at; kept while a study is open
  onActive: (studyInstanceUid: string) => void;
}

export function WorklistPage({ live, active, onActive }: Props) {
  const { t } = useTranslation();
  const list = useInfiniteQuery({
    queryKey: ["worklist"],
    queryFn: async ({ pageParam, signal }) => {
      const query = new URLSearchParams({ limit: `${PAGE_ROWS}` });
      if (pageParam !== null) query.set("after", pageParam);
      const page = await ask<Page>(`/api/worklist?${query.toString()}`, signal);
      noteNodeTime(page.generated_at);
      return page;
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ANYWAY_MS,
  });
  const rows = useMemo(() => withoutRepeats(list.data?.pages ?? []), [list.data]);
  const first = list.data?.pages[0];
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = list;

  return (
    <div className={classes.page}>
      <TopBar live={live}>
        <Mark />
        <h1 className={classes.title}>{t("list.title")}</h1>
        {first !== undefined && (
          <span className={classes.total}>{t("list.studies", { count: first.total })}</span>
        )}
      </TopBar>
      {first !== undefined && <Stopped page={first} />}
      {list.isError && (
        <Refusal error={list.error} stale={first !== undefined} retry={() => void list.refetch()} />
      )}
      {list.isPending && <Loader className={classes.loader} aria-label={t("list.loading")} />}
      {first !== undefined &&
        (rows.length === 0 ? (
          <Empty />
        ) : (
          <Worklist
            rows={rows}
            total={first.total}
            active={active}
            onActive={onActive}
            more={hasNextPage && !isFetchingNextPage ? () => void fetchNextPage() : null}
          />
        ))}
    </div>
  );
}

/** Pages are asked for one after the other; a study that moved between them counts once. */
function withoutRepeats(pages: Page[]): Row[] {
  const seen = new Set<string>();
  return pages
    .flatMap((page) => page.rows)
    .filter((row) => !seen.has(row.study_instance_uid) && seen.add(row.study_instance_uid));
}

function Stopped({ page }: { page: Page }) {
  const { t } = useTranslation();
  if (!page.ai_stopped && page.stopped_detectors.length === 0) return null;
  return (
    <div className={classes.banner} role="status">
      <IconPlayerStop size={17} aria-hidden />
      {page.ai_stopped ? (
        <span>
          <strong>{t("list.ai_stopped")}</strong> {t("list.without_ai")}
        </span>
      ) : (
        <span>
          <strong>{t("list.detectors_stopped", { names: page.stopped_detectors.join(", ") })}</strong>{" "}
          {t("list.without_them")}
        </span>
      )}
    </div>
  );
}

function Refusal({ error, stale, retry }: { error: Error; stale: boolean; retry: () => void }) {
  const { t } = useTranslation();
  return (
    <div className={classes.refusal} role="alert">
      <IconAlertTriangle size={17} aria-hidden />
      <span>
        <strong>
          {stale ? t("list.out_of_date") : t("list.cannot_be_shown")}
        </strong>{" "}
        {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
      </span>
      <Button size="compact-sm" variant="default" onClick={retry}>
        {t("app.try_again")}
      </Button>
    </div>
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
