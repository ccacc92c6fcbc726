/** What the reader says: first look, conclusion, and what was said before. */

import { Button } from "@mantine/core";
import { IconArrowRight, IconExternalLink, IconMicrophone } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Study } from "../api";
import { useSession } from "../session";
import { useKeys } from "../viewport/keys";
import { sentence } from "../words";
import { AnswerForm } from "./AnswerForm";
import { Comparison } from "./Comparison";
import { useNextStudy } from "./nextStudy";
import classes from "./Reading.module.css";
import { clockWords } from "./readingClock";
import {
  type Answer,
  type Answers,
  findingWords,
  firstLookTargets,
  imagesCame,
  nextUnanswered,
  openingAnswers,
  type Reading,
  type ReadingActs,
} from "./reading";
import { readingKeys } from "./readingKeys";
import { Said } from "./Said";
import { useReadingClock } from "./useReadingClock";

const SUBMIT_KEY = "⇧↵";

interface Props {
  study: Study;
  reading: Reading;
  acts: ReadingActs;
}

interface PanelProps extends Props {
  onRevealed: (study: Study) => void; // by this person's first look
}

export function ReadingPanel({ study, reading, acts, onRevealed }: PanelProps) {
  const { t } = useTranslation();
  const roles = useSession().data?.roles ?? [];
  const isReader = roles.includes("radiologist");
  const [amending, setAmending] = useState(false);
  const isRead = study.row.reading_state === "read";
  const waits = firstLookTargets(study).length > 0;
  // What the reader has seen, not what came meanwhile: the node refuses what was judged on less.
  const [seen, setSeen] = useState(study.row.instance_count);
  return (
    <section className={classes.reading} aria-label={t("reading.heading")}>
      <h2>
        {t("reading.heading")}
        <Links study={study} reading={reading} />
      </h2>
      {!waits && <Comparison study={study} reading={reading} />}
      {isReader && waits && !isRead && <FirstLook study={study} reading={reading} acts={acts} onRevealed={onRevealed} />}
      {isReader && !waits && (!isRead || amending) && (
        <Conclude
          key={`${reading.conclusions.length} ${study.row.reading_state}`}
          study={study}
          reading={reading}
          acts={acts}
          seen={seen}
          onSeen={() => {
            setSeen(study.row.instance_count);
          }}
          onDone={() => {
            setAmending(false);
          }}
        />
      )}
      {reading.conclusions.length > 0 && (
        <Said
          study={study}
          reading={reading}
          acts={acts}
          canAmend={isReader && isRead && !amending}
          onAmend={() => {
            setAmending(true);
          }}
        />
      )}
      {isRead && isReader && <Next study={study} />}
    </section>
  );
}

function Links({ study, reading }: { study: Study; reading: Reading }) {
  const { t } = useTranslation();
  return (
    <span className={classes.links}>
      {reading.viewer_links.map(({ name, address }) => (
        <a key={name} href={address} target="_blank" rel="noreferrer">
          {t("reading.open_in", { name })} <IconExternalLink size={13} aria-hidden />
        </a>
      ))}
      {reading.report_address !== null && (
        <a
          href={reading.report_address}
          target="_blank"
          rel="noreferrer"
          title={t("reading.dictate_hint", { number: study.row.accession_number })}
        >
          <IconMicrophone size={13} aria-hidden /> {t("reading.dictate")}
        </a>
      )}
    </span>
  );
}

/** Answers in a form, and the keys that give them. */
function useAnswers(targets: readonly string[], begin: Answers, onSubmit: (answers: Answers) => void) {
  const { t } = useTranslation();
  const [answers, setAnswers] = useState<Answers>(begin);
  const next = nextUnanswered(targets, answers);
  const answer = (target: string, said: Answer) => {
    setAnswers((before) => ({ ...before, [target]: said }));
  };
  useKeys(
    readingKeys(t, {
      answer: (said) => {
        if (next !== null) answer(next, said);
      },
      submit: () => {
        if (next === null) onSubmit(answers);
      },
    }),
  );
  return { answers, next, answer };
}

/** Before marks are shown: what does the reader see without them? */
function FirstLook({ study, reading, acts, onRevealed }: PanelProps) {
  const { t } = useTranslation();
  const targets = firstLookTargets(study);
  const { firstLook } = acts;
  useReadingClock(study.row.study_instance_uid, study.row.claim?.mine === true); // this is reading, too
  const [assessed, setAssessed] = useState(reading.assessment_number); // when the reader began to look
  const isNew = reading.assessment_number !== assessed;
  const submit = (said: Answers) => {
    if (firstLook.isPending || isNew) return;
    firstLook.mutate({ answers: said, assessmentNumber: assessed }, { onSuccess: onRevealed });
  };
  const { answers, next, answer } = useAnswers(targets, {}, submit);
  return (
    <form
      className={classes.form}
      data-testid="first-look"
      onSubmit={(event) => {
        event.preventDefault();
        submit(answers);
      }}
    >
      <p className={classes.lead}>{t("reading.first_look_lead")}</p>
      <AnswerForm
        targets={targets.map((target) => ({ target, words: findingWords(study, target), required: true }))}
        answers={answers}
        next={next}
        onAnswer={answer}
      />
      {firstLook.isError && <p role="alert">{sentence(firstLook.error.message)}</p>}
      {isNew && (
        <News
          words={t("reading.assessed_anew")}
          onSeen={() => {
            setAssessed(reading.assessment_number);
          }}
        />
      )}
      <Button type="submit" size="compact-md" disabled={next !== null || isNew} loading={firstLook.isPending}>
        {t("reading.show_marks")} <kbd className={classes.kbd}>{SUBMIT_KEY}</kbd>
      </Button>
    </form>
  );
}

/** Something changed under the reader, who must have seen it before it is answered for. */
function News({ words, onSeen }: { words: string; onSeen: () => void }) {
  const { t } = useTranslation();
  return (
    <p role="alert" data-testid="news">
      {words}{" "}
      <Button variant="default" size="compact-xs" onClick={onSeen}>
        {t("reading.seen")}
      </Button>
    </p>
  );
}

interface ConcludeProps extends Props {
  seen: number; // images
  onSeen: () => void; // those that came were looked at
  onDone: () => void;
}

function Conclude({ study, reading, acts, seen, onSeen, onDone }: ConcludeProps) {
  const { t } = useTranslation();
  const { claim } = study.row;
  const isMine = claim?.mine === true;
  const isAnothers = claim != null && !claim.mine;
  const isRead = study.row.reading_state === "read";
  const seconds = useReadingClock(study.row.study_instance_uid, isMine && !isRead);
  const open = reading.open_targets.filter((target) => !reading.targets.includes(target));
  const { conclude } = acts;
  const came = imagesCame(seen, study.row.instance_count);
  const submit = (said: Answers) => {
    if (conclude.isPending || isAnothers || came > 0) return;
    const concluding = { answers: said, readingS: seconds, instanceCount: seen, isFree: !isMine && !isRead };
    conclude.mutate(concluding, { onSuccess: onDone });
  };
  const { answers, next, answer } = useAnswers(reading.targets, openingAnswers(reading, isRead), submit);
  const questions = [
    ...reading.targets.map((target) => ({ target, words: findingWords(study, target), required: true })),
    ...open.map((target) => ({ target, words: findingWords(study, target), required: false })),
  ];
  return (
    <form
      className={classes.form}
      data-testid="conclude"
      onSubmit={(event) => {
        event.preventDefault();
        if (next === null) submit(answers);
      }}
    >
      {questions.length === 0 && <p className={classes.lead}>{t("reading.no_targets")}</p>}
      <AnswerForm targets={questions} answers={answers} next={next} onAnswer={answer} />
      {conclude.isError && <p role="alert">{sentence(conclude.error.message)}</p>}
      {came > 0 && <News words={t("reading.images_came", { count: came })} onSeen={onSeen} />}
      <div className={classes.submit}>
        <Button type="submit" size="compact-md" disabled={next !== null || isAnothers || came > 0} loading={conclude.isPending}>
          {t("reading.conclude")} <kbd className={classes.kbd}>{SUBMIT_KEY}</kbd>
        </Button>
        {isAnothers ? (
          <span>{t("reading.others", { name: claim.display_name })}</span>
        ) : (
          <span data-testid="reading-time">{isMine && t("reading.time", { time: clockWords(seconds) })}</span>
        )}
      </div>
    </form>
  );
}

function Next({ study }: { study: Study }) {
  const { t } = useTranslation();
  const next = useNextStudy(study.row.study_instance_uid);
  useKeys(
    next === null
      ? []
      : [{ keys: ["Enter"], shown: "↵", words: t("reading.next"), group: t("viewer.group.reading"), run: next }],
  );
  if (next === null) return null;
  return (
    <Button variant="default" size="compact-md" rightSection={<IconArrowRight size={15} aria-hidden />} onClick={next}>
      {t("reading.next")}
    </Button>
  );
}
