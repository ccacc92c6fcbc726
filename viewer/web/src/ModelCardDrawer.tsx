import { Drawer, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { ask, type Figures, type ModelCard, modelPath } from "./api";
import { plainFigures, subgroupsOf } from "./figures";
import { t as say } from "./language";
import classes from "./ModelCardDrawer.module.css";
import { fullTime, probability, sentence } from "./words";

interface Props {
  name: string | null; // of the detector; null: closed
  onClose: () => void;
}

/** The card of one model, over the study that it was asked from. */
export function ModelCardDrawer({ name, onClose }: Props) {
  const { t } = useTranslation();
  const model = useQuery({
    queryKey: ["model", name],
    queryFn: ({ signal }) => ask<ModelCard>(modelPath(name ?? ""), signal),
    enabled: name !== null,
  });
  return (
    <Drawer
      opened={name !== null}
      onClose={onClose}
      position="right"
      size={620}
      lockScroll={false} // it would write a style that our policy forbids, and nothing scrolls
      classNames={{ content: classes.drawer ?? "", header: classes.drawer ?? "" }}
      title={model.data?.title ?? name}
      closeButtonProps={{ "aria-label": t("card.close") }}
    >
      {model.data !== undefined ? (
        <Card model={model.data} />
      ) : model.isError ? (
        <p role="alert">{t("card.cannot_be_shown")} {sentence(model.error.message)}</p>
      ) : (
        <Loader aria-label={t("card.loading")} />
      )}
    </Drawer>
  );
}

function Card({ model }: { model: ModelCard }) {
  const { t } = useTranslation();
  const { card } = model;
  return (
    <div className={classes.card}>
      <p className={classes.state} data-state={model.state}>
        {stateWords(model)}
      </p>
      <dl className={classes.facts}>
        <dt>{t("card.name")}</dt>
        <dd>
          {model.name} {model.version}
        </dd>
        <dt>{t("card.looks_for")}</dt>
        <dd>{model.finding}</dd>
        <dt>{t("card.flags_from")}</dt>
        <dd>{probability(model.operating_point)}</dd>
        <dt>{t("card.weights")}</dt>
        <dd>
          <code>{model.weights_sha256}</code>
        </dd>
        {Object.entries(card?.guards ?? {}).map(([name, digest]) => (
          <Fragment key={name}>
            <dt>{t("card.guard", { name })}</dt>
            <dd>
              <code>{digest}</code>
            </dd>
          </Fragment>
        ))}
      </dl>
      {card !== null && (
        <>
          <Part title={t("card.intended_use")}>
            <p>{card.intended_use}</p>
          </Part>
          <Part title={t("card.limits")}>
            <List lines={card.limits} />
          </Part>
          <Part title={t("card.training")}>
            <List lines={card.training_data} />
            {card.licence !== "" && <p>{t("card.licence", { licence: card.licence })}</p>}
          </Part>
          <Part title={t("card.measured")}>
            <FigureList figures={card.performance} />
            <Subgroups figures={card.performance} />
          </Part>
          <Part title={t("card.calibration")}>
            <FigureList figures={card.calibration} />
          </Part>
        </>
      )}
    </div>
  );
}

function stateWords({ state, broken, stopped_by, stopped_at, stopped_because }: ModelCard): string {
  if (state === "broken") return `${say("card.broken")} ${sentence(broken ?? "")}`;
  if (state === "on") return say("card.on");
  return `${stoppedWords(stopped_by, stopped_at)} ${sentence(stopped_because ?? "")}`;
}

function stoppedWords(name: string | null, stoppedAt: string | null): string {
  const at = stoppedAt === null ? null : fullTime(stoppedAt);
  if (name === null) return at === null ? say("card.stopped") : say("card.stopped_at", { at });
  return at === null ? say("card.stopped_by", { name }) : say("card.stopped_by_at", { name, at });
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function List({ lines }: { lines: readonly string[] }) {
  return (
    <ul>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

function FigureList({ figures }: { figures: Figures }) {
  return (
    <dl className={classes.figures}>
      {plainFigures(figures).map(([name, words]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}

function Subgroups({ figures }: { figures: Figures }) {
  const { t } = useTranslation();
  const table = subgroupsOf(figures);
  if (table === null) return null;
  return (
    <div className={classes.scroll}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("card.subgroup")}</th>
            {table.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map(({ name, cells }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {cells.map((cell, at) => (
                <td key={table.columns[at]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
