/** What was just drawn: which finding is it, and is it to be kept? */

import { Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Spot } from "./geometry";
import type { FrameRef } from "./source";
import classes from "./Viewer.module.css";

export interface PendingDrawing {
  frame: FrameRef;
  polygon: Spot[];
}

interface Props {
  targets: readonly { target: string; words: string }[];
  onKeep: (target: string) => void;
  onDrop: () => void;
}

export function DrawnDialog({ targets, onKeep, onDrop }: Props) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState(targets[0]?.target ?? "");
  return (
    <form
      className={classes.keep}
      aria-label={t("viewer.missed")}
      onSubmit={(event) => {
        event.preventDefault();
        onKeep(chosen);
      }}
    >
      <label>
        {t("viewer.missed")}
        <select
          value={chosen}
          onChange={(event) => {
            setChosen(event.currentTarget.value);
          }}
        >
          {targets.map(({ target, words }) => (
            <option key={target} value={target}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <Button type="submit" size="compact-sm" disabled={chosen === ""} data-autofocus>
        {t("viewer.keep")}
      </Button>
      <Button variant="subtle" color="gray" size="compact-sm" onClick={onDrop}>
        {t("viewer.drop")}
      </Button>
    </form>
  );
}
