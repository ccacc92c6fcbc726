import { Button, Loader } from "@mantine/core";
import { IconAlertTriangle, IconPlayerStop } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { ask, type NodeInfo, type Row, type WorklistPage as Page } from "./api";
import { noteNodeTime } from "./clock";
import type { LiveState } from "./live";
import { Mark, TopBar } from "./TopBar";
import { plural, sentence } from "./words";
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
        <h1 className={classes.title}>Reading worklist</h1>
        {first !== undefined && (
          <span className={classes.total}>{plural(first.total, "study", "studies")}</span>
        )}
      </TopBar>
      {first !== undefined && <Stopped page={first} />}
      {list.isError && (
        <Refusal error={list.error} stale={first !== undefined} retry={() => void list.refetch()} />
      )}
      {list.isPending && <Loader className={classes.loader} aria-label="Loading the list" />}
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
  if (!page.ai_stopped && page.stopped_detectors.length === 0) return null;
  return (
    <div className={classes.banner} role="status">
      <IconPlayerStop size={17} aria-hidden />
      {page.ai_stopped ? (
        <span>
          <strong>AI is stopped.</strong> The list is in the order without AI.
        </span>
      ) : (
        <span>
          <strong>Stopped: {page.stopped_detectors.join(", ")}.</strong> Studies are placed without
          it; the other detectors go on.
        </span>
      )}
    </div>
  );
}

function Refusal({ error, stale, retry }: { error: Error; stale: boolean; retry: () => void }) {
  return (
    <div className={classes.refusal} role="alert">
      <IconAlertTriangle size={17} aria-hidden />
      <span>
        <strong>
          {stale ? "The list below may be out of date." : "The list cannot be shown."}
        </strong>{" "}
        {error instanceof TypeError ? "The node does not answer." : sentence(error.message)}
      </span>
      <Button size="compact-sm" variant="default" onClick={retry}>
        Try again
      </Button>
    </div>
  );
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

function Empty() {
  const node = useQuery({
    queryKey: ["node"],
    queryFn: ({ signal }) => ask<NodeInfo>("/api/node", signal),
  });
  return (
    <main className={classes.empty}>
      <Mark />
      <h2>No studies are waiting</h2>
      {node.data !== undefined && (
        <>
          <p>Point a modality or the PACS at this node; what it sends appears here by itself.</p>
          <dl>
            <dt>AE title</dt>
            <dd>{node.data.ae_title}</dd>
            <dt>Host</dt>
            <dd>{LOOPBACK.has(window.location.hostname) ? "this computer" : window.location.hostname}</dd>
            <dt>Port</dt>
            <dd>{node.data.dicom_port}</dd>
          </dl>
          <p>
            Or send a folder from here:
            <code>vigie send localhost {node.data.dicom_port} FOLDER</code>
          </p>
        </>
      )}
    </main>
  );
}
