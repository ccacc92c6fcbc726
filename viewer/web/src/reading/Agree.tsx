/** Agree or disagree with what AI found, thing by thing or as a whole, and say why. */

import { Button, Textarea } from "@mantine/core";
import { IconCheck, IconMessage, IconX } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import type { Detector, Study } from "../api";
import { useSession } from "../session";
import classes from "./Reading.module.css";
import {
  type About,
  type Agreement,
  myAgreement,
  othersAgreements,
  type Reading,
  type ReadingActs,
  WHOLE,
} from "./reading";

interface Props {
  study: Study;
  acts: ReadingActs;
  detector: string;
  about: About;
}

type Of = Omit<Props, "study"> & { reading: Reading };

/** Buttons for a radiologist, pressed as she last said; and what she and others said, for all. */
export function Agree({ study: { reading }, ...of }: Props) {
  const isReader = useSession().data?.roles.includes("radiologist") === true;
  if (reading === undefined) return null;
  return (
    <>
      {isReader && <Say reading={reading} {...of} />}
      {othersAgreements(reading, of.detector, of.about).map((one) => (
        <Opinion key={one.by} opinion={one} />
      ))}
    </>
  );
}

function Say({ reading, acts, detector, about }: Of) {
  const { t } = useTranslation();
  const [writing, setWriting] = useState(false);
  const mine = myAgreement(reading, detector, about);
  return (
    <>
      <span className={classes.agree} role="group" aria-label={t("reading.agree_group")}>
        {[true, false].map((agrees) => {
          const Icon = agrees ? IconCheck : IconX;
          return (
            <button
              key={String(agrees)}
              type="button"
              title={t(agrees ? "reading.agree" : "reading.disagree")}
              aria-label={t(agrees ? "reading.agree" : "reading.disagree")}
              aria-pressed={mine?.agrees === agrees}
              onClick={() => {
                if (mine?.agrees === agrees) return;
                acts.agree.mutate({ detector, ...about, agrees, comment: null });
              }}
            >
              <Icon size={14} aria-hidden />
            </button>
          );
        })}
        <button
          type="button"
          title={t(mine === null ? "reading.comment_after" : "reading.comment")}
          aria-label={t("reading.comment")}
          aria-expanded={writing}
          disabled={mine === null}
          onClick={() => {
            setWriting(!writing);
          }}
        >
          <IconMessage size={14} aria-hidden />
        </button>
      </span>
      {mine !== null && writing && (
        <Comment
          said={mine}
          isPending={acts.agree.isPending}
          onClose={() => {
            setWriting(false);
          }}
          onKeep={(comment) => {
            const said = { detector, ...about, agrees: mine.agrees, comment };
            acts.agree.mutate(said, {
              onSuccess: () => {
                setWriting(false);
              },
            });
          }}
        />
      )}
      {mine !== null && !writing && mine.comment !== null && <Opinion opinion={mine} />}
    </>
  );
}

const LONGEST = 2000; // characters, as the node takes

interface CommentProps {
  said: Agreement;
  isPending: boolean;
  onKeep: (comment: string | null) => void;
  onClose: () => void;
}

function Comment({ said, isPending, onKeep, onClose }: CommentProps) {
  const { t } = useTranslation();
  const [words, setWords] = useState(said.comment ?? "");
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []); // it was asked for
  return (
    <form
      className={classes.comment}
      onSubmit={(event) => {
        event.preventDefault();
        onKeep(words.trim() === "" ? null : words.trim());
      }}
    >
      <Textarea
        size="xs"
        rows={2}
        aria-label={t("reading.comment")}
        placeholder={t(said.agrees ? "reading.why_agree" : "reading.why_disagree")}
        value={words}
        maxLength={LONGEST}
        ref={field}
        onChange={(event) => {
          setWords(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose();
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
        }}
      />
      <Button type="submit" size="compact-xs" loading={isPending} disabled={words.trim() === (said.comment ?? "")}>
        {t("reading.keep_comment")}
      </Button>
    </form>
  );
}

/** Who said what of it; the words are a person's own. */
function Opinion({ opinion }: { opinion: Agreement }) {
  const { t } = useTranslation();
  const name = opinion.mine ? t("claim.you") : opinion.display_name;
  return (
    <span className={classes.opinion} data-testid="opinion">
      {opinion.mine ? <b>{name}</b> : t(opinion.agrees ? "reading.agrees" : "reading.disagrees", { name })}{" "}
      {opinion.comment !== null && (
        <q>
          <bdi>{opinion.comment}</bdi>
        </q>
      )}
    </span>
  );
}

/** With a detector's whole result. */
export function AgreeWhole({ detector, study, acts }: { detector: Detector; study: Study; acts: ReadingActs }) {
  const { t } = useTranslation();
  return (
    <div className={classes.whole}>
      <span>{t("reading.agree_group")}</span>
      <Agree study={study} acts={acts} detector={detector.name} about={WHOLE} />
    </div>
  );
}
