/** The conclusions of a study, all of them kept; and the way to amend or reopen. */

import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Study } from "../api";
import { useNow } from "../clock";
import { sentence, timeOfDay } from "../words";
import classes from "./Reading.module.css";
import { clockWords } from "./readingClock";
import { type Conclusion, findingWords, type Reading, type ReadingActs } from "./reading";

interface Props {
  study: Study;
  reading: Reading;
  acts: ReadingActs;
  canAmend: boolean;
  onAmend: () => void;
}

export function Said({ study, reading, acts, canAmend, onAmend }: Props) {
  const { t } = useTranslation();
  const [reopening, setReopening] = useState(false);
  const isRead = study.row.reading_state === "read";
  return (
    <div className={classes.said} data-testid="conclusions">
      {reading.conclusions.toReversed().map((one, at) => (
        <One key={reading.conclusions.length - at} conclusion={one} study={study} isLatest={at === 0} />
      ))}
      {isRead && canAmend && (
        <div className={classes.submit}>
          {reading.conclusions.at(-1)?.mine === true && (
            <Button variant="default" size="compact-sm" onClick={onAmend}>
              {t("reading.amend")}
            </Button>
          )}
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            aria-expanded={reopening}
            onClick={() => {
              setReopening(!reopening);
            }}
          >
            {t("reading.reopen")}
          </Button>
        </div>
      )}
      {isRead && reopening && <Reopen acts={acts} />}
    </div>
  );
}

function One({ conclusion, study, isLatest }: { conclusion: Conclusion; study: Study; isLatest: boolean }) {
  const { t } = useTranslation();
  const now = useNow();
  const { answers, display_name, at, reading_s } = conclusion;
  return (
    <div data-latest={isLatest}>
      <p>
        <b>{t(isLatest ? "reading.concluded" : "reading.concluded_before")}</b>{" "}
        <bdi>{display_name}</bdi>, {timeOfDay(at, now)}
        {reading_s !== null && reading_s > 0 && `, ${clockWords(Math.round(reading_s))}`}
      </p>
      <ul>
        {Object.entries(answers).map(([target, answer]) => (
          <li key={target}>
            {findingWords(study, target)}: <b>{t(`reading.answer.${answer}`)}</b>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Reopen({ acts: { reopen } }: { acts: ReadingActs }) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  return (
    <form
      className={classes.submit}
      onSubmit={(event) => {
        event.preventDefault();
        reopen.mutate(reason.trim());
      }}
    >
      <TextInput
        size="xs"
        aria-label={t("reading.reason")}
        placeholder={t("reading.reason")}
        value={reason}
        maxLength={500}
        error={reopen.isError ? sentence(reopen.error.message) : null}
        onChange={(event) => {
          setReason(event.currentTarget.value);
        }}
      />
      <Button type="submit" size="compact-sm" disabled={reason.trim() === ""} loading={reopen.isPending}>
        {t("reading.reopen")}
      </Button>
    </form>
  );
}
