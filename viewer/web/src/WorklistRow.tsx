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

import type { Row } from "./api";
import { DetectorChips } from "./DetectorChip";
import { openStudy, studyHref } from "./route";
import {
  age,
  due,
  duration,
  fullTime,
  personName,
  timeOfDay,
  unbroken,
} from "./words";
import classes from "./Worklist.module.css";

export function rowId(studyInstanceUid: string): string {
  return `study-${studyInstanceUid}`;
}

interface Props {
  row: Row;
  index: number;
  top: number; // px
  now: number; // ms
  active: boolean;
  onActive: (studyInstanceUid: string) => void;
}

export const WorklistRow = memo(function WorklistRow({ row, index, top, now, active, onActive }: Props) {
  const { t } = useTranslation();
  const time = due(row.due_at, now);
  return (
    // The grid itself has the focus and takes the keys (aria-activedescendant).
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      role="row"
      tabIndex={-1}
      id={rowId(row.study_instance_uid)}
      aria-rowindex={index + 2}
      aria-selected={active}
      className={classes.row}
      data-uid={row.study_instance_uid}
      data-late={time.late}
      style={{ top }}
      onClick={() => {
        onActive(row.study_instance_uid);
        openStudy(row.study_instance_uid);
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
        <span className={classes.due} data-late={time.late} data-soon={time.soon}>
          {time.late && <IconClockExclamation size={15} aria-hidden />}
          {time.words}
        </span>
        <span className={classes.second}>{timeOfDay(row.due_at, now)}</span>
      </div>
      <div role="gridcell" className={classes.why} title={row.reason}>
        <span className={classes.reason}>{unbroken(row.reason)}</span>
        <Sooner row={row} now={now} />
      </div>
      <div role="gridcell">
        <a
          className={classes.name}
          href={studyHref(row.study_instance_uid)}
          tabIndex={-1}
          title={personName(row.patient_name)}
        >
          <bdi>{personName(row.patient_name)}</bdi>
        </a>
        <span className={classes.second}>{row.patient_id}</span>
      </div>
      <div role="gridcell">
        <span className={classes.first}>{age(row.patient_birth_date, now)}</span>
        <span className={classes.second}>{row.patient_sex}</span>
      </div>
      <div role="gridcell" title={row.study_description}>
        <span className={classes.first}>
          <span className={classes.modality}>{row.modalities.join(" ")}</span>
          {row.study_description}
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
    </div>
  );
});

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
