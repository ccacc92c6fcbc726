/** Present, absent or cannot say, for each target finding; by pointer and by keys. */

import { useId, useRef } from "react";
import { useTranslation } from "react-i18next";

import classes from "./Reading.module.css";
import { type Answer, ANSWERS, type Answers } from "./reading";

interface Props {
  targets: readonly { target: string; words: string; required: boolean }[];
  answers: Answers;
  next: string | null; // the target that a key answers next
  onAnswer: (target: string, answer: Answer) => void;
}

const KEYS: Record<Answer, string> = { present: "⇧P", absent: "⇧A", cannot_say: "⇧C" };

export function AnswerForm({ targets, answers, next, onAnswer }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const byPointer = useRef(false);
  return targets.map(({ target, words, required }) => (
    <fieldset key={target} className={classes.question} data-next={next === target}>
      <legend>
        {words}
        {!required && <small> {t("reading.optional")}</small>}
      </legend>
      <div className={classes.answers}>
        {ANSWERS.map((answer) => (
          <label
            key={answer}
            data-answer={answer}
            onPointerDown={() => {
              byPointer.current = true;
            }}
          >
            <input
              type="radio"
              name={`${id} ${target}`}
              checked={answers[target] === answer}
              onChange={() => {
                onAnswer(target, answer);
              }}
              onKeyDown={() => {
                byPointer.current = false;
              }}
              onClick={({ currentTarget }) => {
                // After a click the arrows are for the slices again, and change no answer unseen.
                if (byPointer.current) currentTarget.blur();
                byPointer.current = false;
              }}
            />
            <span>
              {t(`reading.answer.${answer}`)}
              {next === target && <kbd aria-hidden>{KEYS[answer]}</kbd>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  ));
}
