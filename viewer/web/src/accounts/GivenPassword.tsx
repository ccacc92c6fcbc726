import { Button, CopyButton, Modal } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import classes from "../list/Dialogs.module.css";
import { fullTime } from "../words";
import own from "./Accounts.module.css";
import type { Given } from "./accounts";

/** A one-time password, shown this once: it goes only when the administrator says so. */
export function GivenPassword({ given, onClose }: { given: Given; onClose: () => void }) {
  const { t } = useTranslation();
  const password = given.one_time_password ?? "";
  return (
    <Modal
      opened
      onClose={onClose}
      centered
      withCloseButton={false}
      closeOnClickOutside={false}
      closeOnEscape={false}
      title={
        <span className={classes.title}>
          {t("accounts.password_of", { name: given.account.name })}
        </span>
      }
    >
      <div className={classes.form}>
        <output className={own.password} data-testid="one-time-password">
          {password}
        </output>
        <p className={classes.hint}>
          {t("accounts.password_hint", {
            at: given.lasts_until === null ? "" : fullTime(given.lasts_until),
          })}
        </p>
        <div className={classes.buttons}>
          {window.isSecureContext && (
            <CopyButton value={password}>
              {({ copied, copy }) => (
                <Button
                  variant="default"
                  leftSection={
                    copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />
                  }
                  onClick={copy}
                >
                  {t(copied ? "accounts.copied" : "accounts.copy")}
                </Button>
              )}
            </CopyButton>
          )}
          <Button data-autofocus onClick={onClose}>
            {t("accounts.noted")}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
