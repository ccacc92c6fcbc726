/** Every key of the page, by what it is for. */

import { Modal } from "@mantine/core";
import { useTranslation } from "react-i18next";

import type { KeyAct } from "./keys";
import classes from "./KeysHelp.module.css";

interface Props {
  opened: boolean;
  acts: readonly KeyAct[];
  onClose: () => void;
}

export function KeysHelp({ opened, acts, onClose }: Props) {
  const { t } = useTranslation();
  const groups = [...new Set(acts.map(({ group }) => group))];
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t("viewer.keys")}
      size={940}
      lockScroll={false} // it would write a style that our policy forbids, and nothing scrolls
      classNames={{ content: classes.modal ?? "", header: classes.modal ?? "" }}
      closeButtonProps={{ "aria-label": t("viewer.close_keys") }}
    >
      <div className={classes.groups}>
        {groups.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {acts
                .filter((act) => act.group === group)
                .map((act) => (
                  <div key={act.shown}>
                    <dt>
                      <kbd>{act.shown}</kbd>
                    </dt>
                    <dd>{act.words}</dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
      <p className={classes.mouse}>{t("viewer.mouse")}</p>
    </Modal>
  );
}
