import { Button, Menu, Modal, TextInput } from "@mantine/core";
import { IconBookmark, IconCheck, IconDeviceFloppy, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type RefObject, type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { ask, type SavedView } from "../api";
import { useAct } from "../session";
import { sentence } from "../words";
import dialog from "./Dialogs.module.css";
import classes from "./FilterBar.module.css";
import { type Filters, filtersOf, queryOf } from "./filters";

const PATH = "/api/me/views";
const KEY = ["views"];
const LONGEST_NAME = 64;

interface Props {
  filters: Filters;
  onChange: (filters: Filters) => void;
  button: RefObject<HTMLButtonElement | null>;
}

/** Filters that this person keeps under a name. */
export function ViewsMenu({ filters, onChange, button }: Props) {
  const { t } = useTranslation();
  const [naming, setNaming] = useState(false);
  const views = useViews();
  const query = queryOf(filters);
  const shown = views.all.find((view) => queryOf(filtersOf(view.query)) === query);
  return (
    <>
      <Menu position="bottom-start" withinPortal width={270}>
        <Menu.Target>
          <button type="button" ref={button} className={classes.choice} data-on={shown !== undefined}>
            <IconBookmark size={14} aria-hidden />
            <span>{shown === undefined ? t("view.views") : <bdi>{shown.name}</bdi>}</span>
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {views.all.length === 0 && <Menu.Label>{t("view.none")}</Menu.Label>}
          {views.all.map((view) => (
            <Menu.Item
              key={view.id}
              aria-current={view === shown}
              leftSection={
                <IconCheck
                  size={14}
                  aria-hidden
                  visibility={view === shown ? "visible" : "hidden"}
                />
              }
              onClick={() => {
                onChange(filtersOf(view.query));
              }}
            >
              <bdi>{view.name}</bdi>
            </Menu.Item>
          ))}
          <Menu.Divider />
          {/* Always there: a menu has an item. */}
          <Menu.Item
            aria-disabled={query === "" || shown !== undefined} // it has the focus all the same
            leftSection={<IconPlus size={14} aria-hidden />}
            onClick={() => {
              if (query !== "" && shown === undefined) setNaming(true);
            }}
          >
            {t("view.keep")}
          </Menu.Item>
          {query === "" && <Menu.Label>{t("view.how")}</Menu.Label>}
          {shown !== undefined && (
            <Menu.Item
              leftSection={<IconTrash size={14} aria-hidden />}
              onClick={() => {
                views.remove(shown);
              }}
            >
              {t("view.remove", { name: shown.name })}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {naming && (
        <NameDialog
          query={query}
          views={views.all}
          onClose={() => {
            setNaming(false);
          }}
        />
      )}
    </>
  );
}

function useViews() {
  const client = useQueryClient();
  const act = useAct();
  const views = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask<SavedView[]>(PATH, signal),
    staleTime: Infinity,
  });
  const remove = useMutation({
    mutationFn: (view: SavedView) => act("DELETE", `${PATH}/${view.id}`),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
  return { all: views.data ?? [], remove: remove.mutate };
}

interface NameProps {
  query: string;
  views: readonly SavedView[];
  onClose: () => void;
}

/** A name for the present filters; that of an older view gives it these instead. */
function NameDialog({ query, views, onClose }: NameProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const act = useAct();
  const [name, setName] = useState("");
  const older = views.find((view) => view.name === name.trim());
  const keep = useMutation({
    mutationFn: () => {
      const body = { name: name.trim(), query };
      return older === undefined
        ? act("POST", PATH, body)
        : act("PUT", `${PATH}/${older.id}`, body);
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (name.trim() !== "") keep.mutate();
  };
  return (
    <Modal
      opened
      onClose={onClose}
      centered
      title={<span className={dialog.title}>{t("view.keep_title")}</span>}
      closeButtonProps={{ "aria-label": t("dialog.close") }}
    >
      <form onSubmit={submit}>
        <TextInput
          label={t("view.name")}
          description={older === undefined ? t("view.name_hint") : t("view.replaces")}
          value={name}
          maxLength={LONGEST_NAME}
          onChange={(event) => {
            setName(event.currentTarget.value);
          }}
          required
          withAsterisk={false}
          data-autofocus
        />
        {keep.error !== null && (
          <p className={dialog.refusal} role="alert">
            {keep.error instanceof TypeError ? t("app.no_answer") : sentence(keep.error.message)}
          </p>
        )}
        <div className={dialog.buttons}>
          <Button variant="default" onClick={onClose}>
            {t("dialog.cancel")}
          </Button>
          <Button
            type="submit"
            loading={keep.isPending}
            leftSection={<IconDeviceFloppy size={16} aria-hidden />}
          >
            {older === undefined ? t("view.keep_it") : t("view.replace")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
