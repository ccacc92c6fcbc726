import { Checkbox } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { ask, type Model } from "../api";
import { useAct } from "../session";
import { fullTime, sentence } from "../words";
import classes from "./Dialogs.module.css";
import { ReasonDialog } from "./ReasonDialog";

interface Props {
  onClose: () => void;
}

/** Stop all AI or some models, or start what is stopped; for administrators. */
export function AiDialog({ onClose }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const act = useAct();
  const [left, setLeft] = useState<readonly string[]>([]); // models that stay as they are
  const models = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => ask<Model[]>("/api/models", signal),
    staleTime: 0,
  });
  const all = models.data ?? [];
  // While one runs the button stops; when none does, it starts.
  const stops = all.some(({ state }) => state === "on");
  const [startsInstead, setStartsInstead] = useState(false);
  const way = stops && !startsInstead ? "stop" : "start";
  const concerned = all.filter(({ state }) => state === (way === "stop" ? "on" : "stopped"));
  const chosen = concerned.filter(({ name }) => !left.includes(name));
  const whole = chosen.length === concerned.length;
  const change = useMutation({
    mutationFn: (reason: string) =>
      act(`POST`, `/api/ai/${way}`, {
        detectors: whole ? null : chosen.map(({ name }) => name),
        reason,
      }),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries(),
  });
  const isMixed = stops && all.some(({ state }) => state === "stopped");
  return (
    <ReasonDialog
      title={t("ai.title")}
      confirm={whole ? t(`ai.${way}_all`) : t(`ai.${way}_some`, { count: chosen.length })}
      danger={way === "stop"}
      disabled={chosen.length === 0}
      pending={change.isPending}
      error={change.error ?? models.error}
      onClose={onClose}
      onConfirm={change.mutate}
    >
      <p className={classes.hint}>{t(`ai.${way}_hint`)}</p>
      <ul className={classes.models}>
        {all.map((model) => {
          const canChange = concerned.includes(model);
          return (
            <li key={model.name}>
              <Checkbox
                checked={canChange && !left.includes(model.name)}
                disabled={!canChange}
                onChange={(event) => {
                  const { checked } = event.currentTarget;
                  setLeft((before) =>
                    checked ? before.filter((one) => one !== model.name) : [...before, model.name],
                  );
                }}
                aria-label={model.name}
              />
              <span>
                {model.title} <i>{model.version}</i>
              </span>
              <span data-state={model.state}>{t(`ai.state.${model.state}`)}</span>
              <Why model={model} />
            </li>
          );
        })}
      </ul>
      {isMixed && (
        <Checkbox
          label={t("ai.start_instead")}
          checked={startsInstead}
          onChange={(event) => {
            setStartsInstead(event.currentTarget.checked);
            setLeft([]);
          }}
        />
      )}
    </ReasonDialog>
  );
}

function Why({ model }: { model: Model }) {
  const { t } = useTranslation();
  if (model.state === "broken") return <small>{sentence(model.broken ?? "")}</small>;
  if (model.state !== "stopped" || model.stopped_by === null) return null;
  return (
    <small>
      {t("ai.stopped_by", {
        name: model.stopped_by,
        at: model.stopped_at === null ? "" : fullTime(model.stopped_at),
        reason: model.stopped_because ?? "",
      })}
    </small>
  );
}
