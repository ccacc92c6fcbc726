import { Menu, TextInput, Tooltip } from "@mantine/core";
import { IconCheck, IconChevronDown, IconSearch, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Fragment, type RefObject, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { ask, type Choices, type Model, type OutcomeState } from "../api";
import classes from "./FilterBar.module.css";
import { type Filters, isFiltered, NO_FILTERS, toggled } from "./filters";
import { ViewsMenu } from "./ViewsMenu";

const TYPING_MS = 250; // a pause this long is the end of a word
const ASKED_AGAIN_MS = 60_000;
const STATES: readonly OutcomeState[] = [
  "flagged",
  "failed",
  "running",
  "not_run_yet",
  "too_late",
  "stopped",
  "not_flagged",
  "not_applicable",
];
const STATES_OF_ONE: readonly OutcomeState[] = ["flagged", "not_flagged", "failed"];

interface Props {
  filters: Filters;
  onChange: (filters: Filters) => void;
  mineCount: number;
  canClaim: boolean;
  search: RefObject<HTMLInputElement | null>;
  firstMenu: RefObject<HTMLButtonElement | null>;
  viewsButton: RefObject<HTMLButtonElement | null>;
  onDone: () => void; // the reader goes back to the rows
}

/** What of the list is shown. */
export function FilterBar(props: Props) {
  const { filters, onChange } = props;
  const { t } = useTranslation();
  const { modalities, bodyParts, models } = useChoices();
  const change = (part: Partial<Filters>) => {
    onChange({ ...filters, ...part });
  };
  const states = [
    { label: t("filter.any_detector"), options: STATES.map((state) => ({ value: state, label: t(`state.${state}`) })) },
    ...models.map(({ name, finding }) => ({
      label: finding,
      options: STATES_OF_ONE.map((state) => ({
        value: `${name}:${state}`,
        label: t(`state.${state}`),
        chosen: `${finding}: ${t(`state.${state}`)}`,
      })),
    })),
  ];
  const priorities = (["stat", "urgent", "routine"] as const).map((value) => ({
    value,
    label: t(`priority.${value}`),
  }));
  return (
    <div className={classes.bar} role="search" aria-label={t("filter.label")}>
      <Search
        text={filters.text}
        onText={(text) => {
          change({ text });
        }}
        input={props.search}
        onDone={props.onDone}
      />
      <Choice
        label={t("filter.modality")}
        sections={[{ options: modalities.map(plain) }]}
        chosen={filters.modalities}
        onToggle={(one) => {
          change({ modalities: toggled(filters.modalities, one) });
        }}
        button={props.firstMenu}
      />
      <Choice
        label={t("filter.body_part")}
        sections={[{ options: bodyParts.map(plain) }]}
        chosen={filters.bodyParts}
        onToggle={(one) => {
          change({ bodyParts: toggled(filters.bodyParts, one) });
        }}
      />
      <Choice
        label={t("filter.priority")}
        sections={[{ options: priorities }]}
        chosen={filters.priorities}
        onToggle={(one) => {
          const priority = priorities.find(({ value }) => value === one)?.value;
          if (priority !== undefined) change({ priorities: toggled(filters.priorities, priority) });
        }}
      />
      <Choice
        label={t("filter.state")}
        sections={states}
        chosen={filters.states}
        onToggle={(one) => {
          change({ states: toggled(filters.states, one) });
        }}
      />
      <span className={classes.switches}>
        {props.canClaim && (
          <Toggle
            on={filters.mine}
            hint={t("filter.mine_hint")}
            onToggle={() => {
              change({ mine: !filters.mine, free: false });
            }}
          >
            {t("filter.mine")}
            {props.mineCount > 0 && <b>{props.mineCount}</b>}
          </Toggle>
        )}
        <Toggle
          on={filters.free}
          hint={t("filter.free_hint")}
          onToggle={() => {
            change({ free: !filters.free, mine: false });
          }}
        >
          {t("filter.free")}
        </Toggle>
        <Toggle
          on={filters.read}
          hint={t("filter.read_hint")}
          onToggle={() => {
            change({ read: !filters.read });
          }}
        >
          {t("filter.read")}
        </Toggle>
      </span>
      <ViewsMenu filters={filters} onChange={onChange} button={props.viewsButton} />
      {isFiltered(filters) && (
        <button
          type="button"
          className={classes.clear}
          onClick={() => {
            onChange(NO_FILTERS);
          }}
        >
          <IconX size={14} aria-hidden />
          {t("filter.clear")}
        </button>
      )}
    </div>
  );
}

const plain = (value: string): Option => ({ value, label: value });

function useChoices() {
  const choices = useQuery({
    queryKey: ["choices"],
    queryFn: ({ signal }) => ask<Choices>("/api/worklist/choices", signal),
    staleTime: ASKED_AGAIN_MS,
    refetchInterval: ASKED_AGAIN_MS,
  });
  const models = useQuery({
    queryKey: ["models"],
    queryFn: ({ signal }) => ask<Model[]>("/api/models", signal),
    staleTime: ASKED_AGAIN_MS,
  });
  return {
    modalities: choices.data?.modalities ?? [],
    bodyParts: choices.data?.body_parts ?? [],
    models: models.data ?? [],
  };
}

interface SearchProps {
  text: string;
  onText: (text: string) => void;
  input: RefObject<HTMLInputElement | null>;
  onDone: () => void;
}

function Search({ text, onText, input, onDone }: SearchProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(text);
  const [told, setTold] = useState(text);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
  }, []);
  if (text !== told) {
    // A view was chosen, or the filters cleared.
    setTold(text);
    setTyped(text);
  }
  const submit = (next: string) => {
    window.clearTimeout(timer.current);
    setTold(next);
    onText(next);
  };
  return (
    <TextInput
      ref={input}
      className={classes.search ?? ""}
      size="xs"
      type="search"
      value={typed}
      placeholder={t("filter.search")}
      aria-label={t("filter.search")}
      maxLength={200}
      leftSection={<IconSearch size={14} aria-hidden />}
      rightSection={<kbd className={classes.key}>/</kbd>}
      rightSectionPointerEvents="none"
      onChange={(event) => {
        const next = event.currentTarget.value;
        setTyped(next);
        window.clearTimeout(timer.current);
        timer.current = window.setTimeout(submit, TYPING_MS, next);
      }}
      onKeyDown={(event) => {
        if (event.key === "Enter" || event.key === "ArrowDown") {
          event.preventDefault();
          submit(typed);
          event.currentTarget.blur();
          onDone();
        }
        if (event.key === "Escape") {
          event.preventDefault();
          setTyped("");
          submit("");
          event.currentTarget.blur();
          onDone();
        }
      }}
    />
  );
}

interface Option {
  value: string;
  label: string;
  chosen?: string; // how it is said on the button; absent: the label
}

interface Section {
  label?: string;
  options: readonly Option[];
}

interface ChoiceProps {
  label: string;
  sections: readonly Section[];
  chosen: readonly string[];
  onToggle: (value: string) => void;
  button?: RefObject<HTMLButtonElement | null>;
}

/** A menu of which several entries may be chosen. */
function Choice({ label, sections, chosen, onToggle, button }: ChoiceProps) {
  const { t } = useTranslation();
  const known = sections.flatMap(({ options }) => options);
  // What a saved view chose stays visible though no study has it now.
  const unknown = chosen
    .filter((value) => !known.some((option) => option.value === value))
    .map(plain);
  const said = [...known, ...unknown]
    .filter(({ value }) => chosen.includes(value))
    .map((option) => option.chosen ?? option.label);
  const all: readonly Section[] =
    unknown.length === 0 ? sections : [...sections, { options: unknown }];
  return (
    // A long one scrolls: then something in it must be reached by Tab.
    <Menu closeOnItemClick={false} position="bottom-start" withinPortal menuItemTabIndex={0}>
      <Menu.Target>
        <button type="button" ref={button} className={classes.choice} data-on={chosen.length > 0}>
          <span>{said.length === 0 ? label : `${label}: ${said.join(", ")}`}</span>
          <IconChevronDown size={13} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown mah={420} className={classes.dropdown ?? ""}>
        {known.length + unknown.length === 0 && <Menu.Label>{t("filter.nothing")}</Menu.Label>}
        {all.map((section, index) => (
          <Fragment key={section.label ?? index}>
            {section.label !== undefined && <Menu.Label>{section.label}</Menu.Label>}
            {section.options.map(({ value, label: words }) => (
              <Menu.Item
                key={value}
                aria-current={chosen.includes(value)}
                leftSection={
                  <IconCheck
                    size={14}
                    aria-hidden
                    visibility={chosen.includes(value) ? "visible" : "hidden"}
                  />
                }
                onClick={() => {
                  onToggle(value);
                }}
              >
                <bdi>{words}</bdi>
              </Menu.Item>
            ))}
          </Fragment>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

interface ToggleProps {
  on: boolean;
  hint: string;
  onToggle: () => void;
  children: React.ReactNode;
}

function Toggle({ on, hint, onToggle, children }: ToggleProps) {
  return (
    <Tooltip label={hint}>
      <button type="button" className={classes.toggle} aria-pressed={on} onClick={onToggle}>
        {children}
      </button>
    </Tooltip>
  );
}
