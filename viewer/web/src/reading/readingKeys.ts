/** The keys by which a reader answers. */

import type { TFunction } from "i18next";

import type { KeyAct } from "../viewport/keys";
import type { Answer } from "./reading";

interface Acts {
  answer: (said: Answer) => void;
  submit: () => void;
}

const NOTHING: Acts = { answer: () => undefined, submit: () => undefined };

/** The table of them; without acts it is only shown. */
export function readingKeys(t: TFunction, { answer, submit }: Acts = NOTHING): KeyAct[] {
  const group = t("viewer.group.reading");
  const key = (letter: string, said: Answer): KeyAct => ({
    keys: [`shift+${letter}`],
    shown: `⇧ ${letter.toUpperCase()}`,
    words: t(`reading.answer.${said}`),
    group,
    run: () => {
      answer(said);
    },
  });
  return [
    key("p", "present"),
    key("a", "absent"),
    key("c", "cannot_say"),
    { keys: ["shift+Enter"], shown: "⇧ ↵", words: t("reading.submit"), group, run: submit },
  ];
}
