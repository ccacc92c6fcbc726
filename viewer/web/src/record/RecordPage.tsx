import { Button, Loader, Table, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft, IconPin } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useNow } from "../clock";
import type { LiveState } from "../live";
import { openRecord, openStudy, type RecordPlace } from "../route";
import { TopBar } from "../TopBar";
import { fullTime, sentence, timeToTheSecond } from "../words";
import { type EventThen, fromField, type RowThen, type SaidThen, type StudyThen, toField, useStudyThen } from "./record";
import classes from "./Record.module.css";

/** For administrators (reviews are blind): where a study stood at a moment, and why. */
export function RecordPage({ live, place }: { live: LiveState; place: RecordPlace }) {
  const { t } = useTranslation();
  const asked = useStudyThen(place.study, place.at);
  return (
    <div className={classes.page}>
      <TopBar live={live}>
        <Button
          variant="default"
          size="compact-md"
          leftSection={<IconArrowLeft size={16} aria-hidden />}
          onClick={() => {
            openStudy(place.study);
          }}
        >
          {t("record.back")}
        </Button>
        <h1 className={classes.title}>{t("record.title")}</h1>
      </TopBar>
      <main className={classes.body}>
        <Moment key={place.at} place={place} />
        {asked.isError && (
          <p className={classes.refusal} role="alert">
            <IconAlertTriangle size={17} aria-hidden />
            {asked.error instanceof TypeError ? t("app.no_answer") : sentence(asked.error.message)}
          </p>
        )}
        {asked.isPending && <Loader mx="auto" mt="18vh" aria-label={t("record.loading")} />}
        {asked.data !== undefined && <Then then={asked.data} />}
      </main>
    </div>
  );
}

function Moment({ place }: { place: RecordPlace }) {
  const { t } = useTranslation();
  const [value, setValue] = useState(toField(place.at));
  const at = fromField(value);
  return (
    <form
      className={classes.moment}
      onSubmit={(event) => {
        event.preventDefault();
        if (at !== null) openRecord(place.study, at);
      }}
    >
      <TextInput
        type="datetime-local"
        step={1}
        label={t("record.moment")}
        value={value}
        onChange={(event) => {
          setValue(event.currentTarget.value);
        }}
      />
      <Button type="submit" disabled={at === null}>
        {t("record.show")}
      </Button>
    </form>
  );
}

function Then({ then }: { then: StudyThen }) {
  const { t } = useTranslation();
  const placed = then.placed_by;
  return (
    <>
      <h2>{fullTime(then.moment)}</h2>
      <p className={classes.place} data-testid="place-then">
        {then.place !== null && `${t("record.place", { place: then.place, total: then.total })} `}
        {sentence(then.why)}
      </p>
      {then.row !== null && <p>{`${t("record.due", { at: fullTime(then.row.due_at) })} ${then.row.reason}`}</p>}
      {placed !== null && (
        <p>{t("record.since", { at: fullTime(placed.at), actor: placed.actor, words: placed.words })}</p>
      )}
      {then.incomplete > 0 && <p>{t("record.incomplete", { count: then.incomplete })}</p>}
      {then.rows.length > 0 && <List then={then} />}
      <h2>{t("record.said")}</h2>
      {then.said.length === 0 && <p>{t("record.nothing_said")}</p>}
      <ol className={classes.acts}>
        {then.said.map((one) => (
          <Said key={one.event_id} said={one} />
        ))}
      </ol>
      <Acts title={t("record.people")} none={t("record.nobody")} acts={then.people} />
      <Acts title={t("record.ai")} none={t("record.ai_untouched")} acts={then.ai} />
    </>
  );
}

const COLUMNS = ["place", "due", "study", "reason"] as const;

function List({ then }: { then: StudyThen }) {
  const { t } = useTranslation();
  return (
    <>
      <h2>{t("record.list", { shown: then.rows.length, total: then.total })}</h2>
      <Table className={classes.table ?? ""} verticalSpacing={5} horizontalSpacing={14}>
        <Table.Thead>
          <Table.Tr>
            {COLUMNS.map((column) => (
              <Table.Th key={column}>{t(`record.column.${column}`)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {then.rows.map((row) => (
            <Line key={row.study_instance_uid} row={row} mine={row.study_instance_uid === then.study_instance_uid} />
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}

function Line({ row, mine }: { row: RowThen; mine: boolean }) {
  const { t } = useTranslation();
  const now = useNow();
  return (
    <Table.Tr data-mine={mine} data-study={row.study_instance_uid} aria-current={mine}>
      <Table.Td>
        {row.place} {row.pinned && <IconPin size={14} aria-label={t("row.pinned")} />}
      </Table.Td>
      <Table.Td title={fullTime(row.due_at)}>{timeToTheSecond(row.due_at, now)}</Table.Td>
      <Table.Td>{row.study_instance_uid}</Table.Td>
      <Table.Td>{row.reason}</Table.Td>
    </Table.Tr>
  );
}

function Said({ said }: { said: SaidThen }) {
  const { t } = useTranslation();
  const now = useNow();
  return (
    <li>
      <time dateTime={said.at} title={fullTime(said.at)}>
        {timeToTheSecond(said.at, now)}
      </time>{" "}
      {said.words} <small>{said.actor}</small>
      {said.superseded && <small> {t("record.superseded")}</small>}
      {said.instances === null ? (
        <p>{t("record.no_instances")}</p>
      ) : (
        <details>
          <summary>{t("record.instances", { count: said.instances.length })}</summary>
          <ul className={classes.instances}>
            {said.instances.map(([uid, sha256]) => (
              <li key={uid}>{[uid, "SHA-256", sha256].join(" ")}</li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}

function Acts({ title, none, acts }: { title: string; none: string; acts: readonly EventThen[] }) {
  const now = useNow();
  return (
    <>
      <h2>{title}</h2>
      {acts.length === 0 && <p>{none}</p>}
      <ol className={classes.acts}>
        {acts.map((one) => (
          <li key={one.event_id}>
            <time dateTime={one.at} title={fullTime(one.at)}>
              {timeToTheSecond(one.at, now)}
            </time>{" "}
            {one.words} <small>{one.actor}</small>
          </li>
        ))}
      </ol>
    </>
  );
}
