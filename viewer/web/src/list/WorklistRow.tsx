import {
  IconAlertTriangle,
  IconArrowUp,
  IconClockExclamation,
  IconCopy,
  IconDownload,
  IconPin,
  IconUserUp,
} from "@tabler/icons-react";
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { Row } from "../api";
import { DetectorChips } from "../DetectorChip";
import { studyHref } from "../route";
import { age, due, duration, fullTime, personName, timeOfDay, unbroken } from "../words";
import { ReaderCell } from "./ReaderCell";
import classes from "./Worklist.module.css";

export function rowId(studyInstanceUid: string): string {
  return `study-${studyInstanceUid}`;
}

/** What a pointer does with a row. */
export interface RowActs {
  select: (row: Row, index: number) => void;
  open: (row: Row) => void;
  claim: (row: Row) => void;
  release: (row: Row) => void;
  priority: (row: Row) => void;
  pin: (row: Row) => void;
  menu: (row: Row | null) => void;
  over: (row: Row | null) => void; // the study's words, where a preview is shown
}

interface Props {
  row: Row;
  index: number;
  top: number; // px
  now: number; // ms
  active: boolean;
  menuOpen: boolean;
  canClaim: boolean;
  canOverrule: boolean;
  acts: RowActs;
}

export const WorklistRow = memo(function WorklistRow(props: Props) {
  const { row, index, now, active, acts } = props;
  const { t } = useTranslation();
  const time = due(row.due_at, now);
  const isRead = row.reading_state === "read";
  return (
    // The keys of the page do the same for the active row (aria-activedescendant).
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      role="row"
      tabIndex={-1}
      id={rowId(row.study_instance_uid)}
      aria-rowindex={index + 2}
      aria-selected={active}
      className={classes.row}
      data-uid={row.study_instance_uid}
      data-late={time.late && !isRead}
      data-claim={row.claim === null ? "free" : row.claim.mine ? "mine" : "another"}
      style={{ top: props.top }}
      onClick={(event) => {
        // The second click of two may have been for what lay here a moment ago.
        if (event.detail > 1) return;
        acts.select(row, index);
        acts.open(row);
      }}
    >
      <div role="gridcell" className={classes.place}>
        {row.place}
        {row.pinned && (
          <IconPin size={13} role="img" aria-label={t("row.pinned")}>
            <title>{t("row.pinned")}</title>
          </IconPin>
        )}
      </div>
      <div role="gridcell" title={t("row.due_at", { at: fullTime(row.due_at) })}>
        {isRead ? (
          <span className={classes.first}>{t("row.read")}</span>
        ) : (
          <span className={classes.due} data-late={time.late} data-soon={time.soon}>
            {time.late && <IconClockExclamation size={15} aria-hidden />}
            {time.words}
          </span>
        )}
        <span className={classes.second}>{timeOfDay(row.due_at, now)}</span>
      </div>
      <div role="gridcell" className={classes.why} title={row.reason}>
        <span className={classes.reason}>{unbroken(row.reason)}</span>
        <Sooner row={row} now={now} />
      </div>
      <PatientCells row={row} now={now} />
      <div
        role="gridcell"
        onPointerEnter={() => {
          acts.over(row);
        }}
        onPointerLeave={() => {
          acts.over(null);
        }}
      >
        <span className={classes.first}>
          <span className={classes.modality}>{row.modalities.join(" ")}</span>
          <bdi>{row.study_description}</bdi>
        </span>
        <span className={classes.second}>{row.body_part.toLowerCase()}</span>
      </div>
      <div role="gridcell">
        <Priority row={row} />
      </div>
      <div role="gridcell" title={t("row.arrived_at", { at: fullTime(row.received_at) })}>
        <span className={classes.first}>{timeOfDay(row.received_at, now)}</span>
        <Arrival row={row} />
      </div>
      <div role="gridcell" className={classes.chips}>
        <DetectorChips detectors={row.detectors} />
      </div>
      <ReaderCell {...props} />
    </div>
  );
});

/** A row that is on its way. */
export function GhostRow({ index, top }: { index: number; top: number }) {
  return (
    <div role="row" aria-rowindex={index + 2} className={`${classes.row} ${classes.ghost}`} style={{ top }}>
      <div role="gridcell" className={classes.place}>
        {index + 1}
      </div>
    </div>
  );
}

function PatientCells({ row, now }: { row: Row; now: number }) {
  return (
    <>
      <div role="gridcell">
        <a
          className={classes.name}
          href={studyHref(row.study_instance_uid)}
          tabIndex={-1}
          title={personName(row.patient_name)}
          onClick={(event) => {
            // The row opens it, and says first if somebody else reads it.
            if (!event.ctrlKey && !event.metaKey && !event.shiftKey) event.preventDefault();
            else event.stopPropagation();
          }}
        >
          <bdi>{personName(row.patient_name)}</bdi>
        </a>
        <span className={classes.second}>
          <bdi>{row.patient_id}</bdi>
        </span>
      </div>
      <div role="gridcell">
        <span className={classes.first}>{age(row.patient_birth_date, now)}</span>
        <span className={classes.second}>{row.patient_sex}</span>
      </div>
    </>
  );
}

const WORTH_SAYING_MS = 5 * 60_000;

function Sooner({ row, now }: { row: Row; now: number }) {
  const { t } = useTranslation();
  const won = Date.parse(row.due_without_ai_at) - Date.parse(row.due_at);
  if (won < WORTH_SAYING_MS) return null;
  return (
    <span
      className={`${classes.second} ${classes.sooner}`}
      title={t("row.without_ai", { at: timeOfDay(row.due_without_ai_at, now) })}
    >
      <IconArrowUp size={12} aria-hidden />
      {t("row.sooner", { duration: duration(won) })}
    </span>
  );
}

function Priority({ row }: { row: Row }) {
  const { t } = useTranslation();
  const { requested_priority: asked, priority_in_force: inForce } = row;
  const overruled = asked !== inForce;
  return (
    <>
      <span className={classes.priority} data-priority={asked}>
        {t(`priority.${asked}`)}
      </span>
      {overruled && (
        <Second
          icon={<IconUserUp size={12} aria-hidden />}
          title={t("row.overruled", { priority: t(`priority.${inForce}`) })}
        >
          {t("row.priority_now", { priority: t(`priority.${inForce}`) })}
        </Second>
      )}
    </>
  );
}

function Arrival({ row }: { row: Row }) {
  const { t } = useTranslation();
  if (row.conflicts > 0) {
    return (
      <Second warning icon={<IconCopy size={12} aria-hidden />}>
        {t("row.conflicts", { count: row.conflicts })}
      </Second>
    );
  }
  if (row.arriving) {
    return (
      <Second icon={<IconDownload size={12} aria-hidden />}>
        {t("row.arriving", { count: row.instance_count })}
      </Second>
    );
  }
  if (row.completeness === "incomplete") {
    return (
      <Second warning icon={<IconAlertTriangle size={12} aria-hidden />}>
        {t("row.incomplete")}
      </Second>
    );
  }
  return <Second>{t("row.images", { count: row.instance_count })}</Second>;
}

interface SecondProps {
  icon?: ReactNode;
  warning?: boolean;
  title?: string;
  children: ReactNode;
}

/** The quiet line below the first. */
function Second(props: SecondProps) {
  return (
    <span className={classes.second} data-warning={props.warning} title={props.title}>
      {props.icon}
      {props.children}
    </span>
  );
}
