import { Modal } from "@mantine/core";
import { useTranslation } from "react-i18next";

import type { KeyEntry } from "./keys";
import classes from "./list/Dialogs.module.css";

const SAID: Readonly<Record<string, string>> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
};

interface Props<Action extends string, Group extends string> {
  table: readonly (KeyEntry<Action> & { group: Group })[];
  sayAction: (action: Action) => string;
  sayGroup: (group: Group) => string;
  onClose: () => void;
}

/** All keys of a page, from the table that binds them. */
export function KeyHelp<Action extends string, Group extends string>({
  table,
  sayAction,
  sayGroup,
  onClose,
}: Props<Action, Group>) {
  const { t } = useTranslation();
  const sayKey = (key: string) => {
    if (key === " ") return t("keys.space");
    if (key === "Enter" || key === "Escape" || key === "Home" || key === "End") return t(`keys.${key}`);
    if (key === "PageDown" || key === "PageUp") return t(`keys.${key}`);
    return SAID[key] ?? key;
  };
  const groups = [...new Set(table.map(({ group }) => group))];
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      centered
      title={<span className={classes.title}>{t("keys.title")}</span>}
      closeButtonProps={{ "aria-label": t("dialog.close") }}
    >
      <div className={classes.keys}>
        {groups.map((group) => (
          <section key={group}>
            <h3>{sayGroup(group)}</h3>
            <dl>
              {table
                .filter((entry) => entry.group === group)
                .map(({ action, keys }) => (
                  <div key={action} className={classes.pair}>
                    <dt>
                      {keys.map((key) => (
                        <kbd key={key}>{sayKey(key)}</kbd>
                      ))}
                    </dt>
                    <dd>{sayAction(action)}</dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
