import { Drawer, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { ask, type Figures, type ModelCard, modelPath } from "./api";
import { plainFigures, subgroupsOf } from "./figures";
import classes from "./ModelCardDrawer.module.css";
import { fullTime, probability, sentence } from "./words";

interface Props {
  name: string | null; // of the detector; null: closed
  onClose: () => void;
}

/** The card of one model, over the study that it was asked from. */
export function ModelCardDrawer({ name, onClose }: Props) {
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
      closeButtonProps={{ "aria-label": "Close the model card" }}
    >
      {model.data !== undefined ? (
        <Card model={model.data} />
      ) : model.isError ? (
        <p role="alert">The card cannot be shown. {sentence(model.error.message)}</p>
      ) : (
        <Loader aria-label="Loading the model card" />
      )}
    </Drawer>
  );
}

function Card({ model }: { model: ModelCard }) {
  const { card } = model;
  return (
    <div className={classes.card}>
      <p className={classes.state} data-state={model.state}>
        {stateWords(model)}
      </p>
      <dl className={classes.facts}>
        <dt>Name</dt>
        <dd>
          {model.name} {model.version}
        </dd>
        <dt>Looks for</dt>
        <dd>{model.finding}</dd>
        <dt>Flags from</dt>
        <dd>{probability(model.operating_point)}</dd>
        <dt>Weights</dt>
        <dd>
          <code>{model.weights_sha256}</code>
        </dd>
      </dl>
      {card !== null && (
        <>
          <Part title="Intended use">
            <p>{card.intended_use}</p>
          </Part>
          <Part title="Known limits">
            <List lines={card.limits} />
          </Part>
          <Part title="Training data and licences">
            <List lines={card.training_data} />
            {card.licence !== "" && <p>Licence of the model: {card.licence}</p>}
          </Part>
          <Part title="Measured">
            <FigureList figures={card.performance} />
            <Subgroups figures={card.performance} />
          </Part>
          <Part title="Calibration">
            <FigureList figures={card.calibration} />
          </Part>
        </>
      )}
    </div>
  );
}

function stateWords({ state, broken, stopped_by, stopped_at, stopped_because }: ModelCard): string {
  if (state === "broken") return `Broken. ${sentence(broken ?? "")}`;
  if (state === "on") return "On: it looks at every study that it is made for.";
  const when = stopped_at === null ? "" : `, ${fullTime(stopped_at)}`;
  const who = stopped_by === null ? "" : ` by ${stopped_by}`;
  return `Stopped${who}${when}. ${sentence(stopped_because ?? "")}`;
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
  const table = subgroupsOf(figures);
  if (table === null) return null;
  return (
    <div className={classes.scroll}>
      <table>
        <thead>
          <tr>
            <th scope="col">Subgroup</th>
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
