import { Button, NativeSelect, Table, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft, IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Target } from "../api";
import { numberFormat } from "../language";
import type { LiveState } from "../live";
import { openList } from "../route";
import { TopBar } from "../TopBar";
import { sentence } from "../words";
import {
  along,
  type Asked,
  CLASSES,
  type ClassFigures,
  type Estimate,
  FIELD_NAMES,
  FIELDS,
  mostOf,
  type Simulation,
  type StudyClass,
  USUAL,
  useSimulation,
  wrongFields,
} from "./simulations";
import classes from "./Simulations.module.css";

const FINDINGS: readonly Target[] = ["intracranial_haemorrhage", "fracture", "pulmonary_nodule"];

/** For administrators and QA reviewers: what each order of the list would do to every class. */
export function SimulationsPage({ live }: { live: LiveState }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<Asked>(USUAL);
  const simulation = useSimulation();
  return (
    <div className={classes.page}>
      <TopBar live={live}>
        <Button
          variant="default"
          size="compact-md"
          leftSection={<IconArrowLeft size={16} aria-hidden />}
          onClick={openList}
        >
          {t("study.back")}
        </Button>
        <h1 className={classes.title}>{t("simulations.title")}</h1>
      </TopBar>
      <main className={classes.body}>
        <p className={classes.said}>{t("simulations.about")}</p>
        <SettingForm
          asked={asked}
          onChange={setAsked}
          underWay={simulation.isPending}
          onSimulate={() => {
            simulation.mutate(asked);
          }}
        />
        {simulation.isError && <Refusal error={simulation.error} />}
        {simulation.data !== undefined && <Answer simulation={simulation.data} />}
      </main>
    </div>
  );
}

interface FormProps {
  asked: Asked;
  onChange: (asked: Asked) => void;
  underWay: boolean;
  onSimulate: () => void;
}

function SettingForm({ asked, onChange, underWay, onSimulate }: FormProps) {
  const { t } = useTranslation();
  const wrong = wrongFields(asked);
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (wrong.length === 0) onSimulate();
      }}
    >
      <NativeSelect
        size="xs"
        label={t("simulations.finding")}
        data={FINDINGS.map((value) => ({ value, label: t(`simulations.findings.${value}`) }))}
        value={asked.finding}
        onChange={(event) => {
          onChange({ ...asked, finding: event.currentTarget.value as Target });
        }}
      />
      {FIELD_NAMES.map((name) => (
        <TextInput
          key={name}
          size="xs"
          type="number"
          min={FIELDS[name].min}
          max={FIELDS[name].max}
          step="any"
          label={t(`simulations.field.${name}`)}
          placeholder={FIELDS[name].usual === "" ? t("simulations.the_nodes") : ""}
          value={asked[name]}
          error={
            wrong.includes(name) &&
            t("simulations.between", { min: FIELDS[name].min, max: FIELDS[name].max })
          }
          onChange={(event) => {
            onChange({ ...asked, [name]: event.currentTarget.value });
          }}
        />
      ))}
      <Button
        type="submit"
        size="compact-md"
        leftSection={<IconPlayerPlay size={16} aria-hidden />}
        loading={underWay}
        disabled={wrong.length > 0}
      >
        {t("simulations.simulate")}
      </Button>
    </form>
  );
}

function Refusal({ error }: { error: Error }) {
  const { t } = useTranslation();
  return (
    <p className={classes.refusal} role="alert">
      <IconAlertTriangle size={17} aria-hidden />
      {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
    </p>
  );
}

function Answer({ simulation }: { simulation: Simulation }) {
  const { t } = useTranslation();
  const most = mostOf(simulation);
  const [without] = simulation.orders;
  return (
    <section aria-label={t("simulations.answer")} aria-live="polite">
      <p className={classes.said}>
        {t("simulations.targets", {
          routine: simulation.routine_target_min,
          finding: simulation.finding_target_min,
        })}
      </p>
      {CLASSES.filter((one) => without?.classes[one] !== undefined).map((one) => (
        <ClassTable key={one} one={one} simulation={simulation} most={most} />
      ))}
    </section>
  );
}

const COLUMNS = ["mean", "theory", "median", "p95", "p99", "longest", "late", "won", "lost"] as const;

interface ClassProps {
  one: StudyClass;
  simulation: Simulation;
  most: number; // minutes at the end of the axis
}

function ClassTable({ one, simulation, most }: ClassProps) {
  const { t } = useTranslation();
  const count = simulation.orders[0]?.classes[one]?.studies ?? 0;
  return (
    <Table className={classes.table ?? ""} verticalSpacing={4} horizontalSpacing={12} data-class={one}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th className={classes.name}>
            <strong>{t(`simulations.class.${one}`)}</strong> {t("simulations.studies", { count })}
          </Table.Th>
          <Table.Th className={classes.plot}>{t("simulations.plot")}</Table.Th>
          {COLUMNS.map((column) => (
            <Table.Th key={column} className={classes.figure}>
              {t(`simulations.column.${column}`)}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {simulation.orders.map(({ policy, classes: found }) => {
          const figures = found[one];
          return (
            figures !== undefined && (
              <Table.Tr key={policy} data-policy={policy}>
                <Table.Td>{t(`simulations.policy.${policy}`)}</Table.Td>
                <Table.Td>
                  <WaitBar figures={figures} most={most} />
                </Table.Td>
                <Figures figures={figures} />
              </Table.Tr>
            )
          );
        })}
      </Table.Tbody>
    </Table>
  );
}

function Figures({ figures }: { figures: ClassFigures }) {
  const shown = [
    withInterval(figures.mean),
    figures.theory_mean === null ? "" : minutes(figures.theory_mean),
    minutes(figures.median.value),
    minutes(figures.percentile_95.value),
    minutes(figures.percentile_99.value),
    minutes(figures.longest),
    numberFormat({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(
      figures.over_target.value,
    ),
    minutes(figures.won.value),
    minutes(figures.lost.value),
  ];
  return COLUMNS.map((column, number) => (
    <Table.Td key={column} className={classes.figure}>
      {shown[number]}
    </Table.Td>
  ));
}

/** The mean as a bar with its interval, and a mark at the 95th percentile; its words are beside it. */
function WaitBar({ figures: { mean, percentile_95 }, most }: { figures: ClassFigures; most: number }) {
  const x = (value: number) => 200 * along(value, most);
  const [low, high] = [x(mean.low ?? mean.value), x(mean.high ?? mean.value)];
  return (
    <svg className={classes.bar} viewBox="0 0 204 12" aria-hidden>
      <rect x={0} y={3} width={x(mean.value)} height={6} />
      <path d={`M${low} 6H${high}`} className={classes.interval} />
      <path d={`M${x(percentile_95.value) + 1} 1v10`} className={classes.mark} />
    </svg>
  );
}

function minutes(value: number): string {
  const digits = value < 100 ? 1 : 0;
  return numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

function withInterval({ value, high }: Estimate): string {
  return high === null ? minutes(value) : `${minutes(value)} ± ${minutes(high - value)}`;
}
