import { Checkbox } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import classes from "../list/Dialogs.module.css";
import { FormDialog } from "./AccountDialogs";
import { type Account, useAccountActs, whatResetDoes } from "./accounts";
import { GivenPassword } from "./GivenPassword";

export type Confirmed = "disable" | "enable" | "end-sessions";

interface Props {
  account: Account;
  onClose: () => void;
}

/** Before a person is kept out, let in again, or put out of what is open. */
export function ConfirmDialog({ what, account, onClose }: Props & { what: Confirmed }) {
  const { t } = useTranslation();
  const { change } = useAccountActs();
  return (
    <FormDialog
      title={t(`accounts.ask.${what}.title`, { name: account.name })}
      confirm={t(`accounts.ask.${what}.confirm`)}
      danger={what !== "enable"}
      pending={change.isPending}
      error={change.error}
      onClose={onClose}
      onSubmit={() => {
        change.mutate({ name: account.name, what }, { onSuccess: onClose });
      }}
    >
      <p className={classes.lead}>
        <bdi>{account.display_name}</bdi>
      </p>
      <p className={classes.hint}>{t(`accounts.ask.${what}.hint`)}</p>
    </FormDialog>
  );
}

/** A new one-time password or, for who comes by single sign-on, none unless it is wanted, and none from before. */
export function ResetDialog({ account, onClose }: Props) {
  const { t } = useTranslation();
  const { reset } = useAccountActs();
  const [wanted, setWanted] = useState(account.issuer === null);
  if (reset.data !== undefined && reset.data.one_time_password !== null) {
    return <GivenPassword given={reset.data} onClose={onClose} />;
  }
  const what = whatResetDoes(account, wanted);
  return (
    <FormDialog
      title={t(`accounts.reset.${what}.title`, { name: account.name })}
      confirm={t(`accounts.reset.${what}.confirm`)}
      danger
      pending={reset.isPending}
      error={reset.error}
      onClose={onClose}
      onSubmit={() => {
        reset.mutate(
          { name: account.name, oneTimePassword: wanted },
          {
            onSuccess: (given) => {
              if (given.one_time_password === null) onClose();
            },
          },
        );
      }}
    >
      <p className={classes.lead}>
        <bdi>{account.display_name}</bdi>
      </p>
      <p className={classes.hint}>
        {t("accounts.reset_hint")}
        {what === "remove" && ` ${t("accounts.reset.remove.hint")}`}
      </p>
      {account.issuer !== null && (
        <Checkbox
          label={t("accounts.reset_wanted")}
          checked={wanted}
          onChange={(event) => {
            setWanted(event.currentTarget.checked);
          }}
        />
      )}
    </FormDialog>
  );
}
