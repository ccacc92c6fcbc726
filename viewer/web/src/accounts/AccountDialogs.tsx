import { Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import classes from "../list/Dialogs.module.css";
import type { Role } from "../session";
import { sentence } from "../words";
import { type Account, ROLES, useAccountActs } from "./accounts";
import { GivenPassword } from "./GivenPassword";

interface FormDialogProps {
  title: string;
  confirm: string;
  danger?: boolean;
  disabled?: boolean;
  pending: boolean;
  error: Error | null;
  onClose: () => void;
  onSubmit: () => void;
  children: ReactNode;
}

/** What is asked before an account is changed; open until the node has answered, for it may answer with a password. */
export function FormDialog(props: FormDialogProps) {
  const { t } = useTranslation();
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (props.disabled !== true) props.onSubmit();
  };
  const close = () => {
    if (!props.pending) props.onClose();
  };
  return (
    <Modal
      opened
      onClose={close}
      centered
      title={<span className={classes.title}>{props.title}</span>}
      closeButtonProps={{ "aria-label": t("dialog.close"), disabled: props.pending }}
    >
      <form className={classes.form} onSubmit={submit}>
        {props.children}
        {props.error !== null && (
          <p className={classes.refusal} role="alert">
            {props.error instanceof TypeError ? t("app.no_answer") : sentence(props.error.message)}
          </p>
        )}
        <div className={classes.buttons}>
          <Button variant="default" disabled={props.pending} onClick={close}>
            {t("dialog.cancel")}
          </Button>
          <Button
            type="submit"
            loading={props.pending}
            disabled={props.disabled === true}
            data-danger={props.danger === true || undefined}
          >
            {props.confirm}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** A person who is to come in; then her one-time password, once. */
export function AddDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { add } = useAccountActs();
  const [name, setName] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [roles, setRoles] = useState<readonly Role[]>(["radiologist"]);
  if (add.data !== undefined) return <GivenPassword given={add.data} onClose={onClose} />;
  return (
    <FormDialog
      title={t("accounts.add")}
      confirm={t("accounts.make")}
      disabled={name.trim() === "" || roles.length === 0}
      pending={add.isPending}
      error={add.error}
      onClose={onClose}
      onSubmit={() => {
        add.mutate({ name: name.trim(), display_name: displayName.trim(), roles });
      }}
    >
      <TextInput
        label={t("accounts.name")}
        description={t("accounts.name_hint")}
        value={name}
        maxLength={64}
        autoComplete="off"
        onChange={(event) => {
          setName(event.currentTarget.value);
        }}
        data-autofocus
      />
      <TextInput
        label={t("accounts.display_name")}
        description={t("accounts.display_name_hint")}
        value={displayName}
        maxLength={128}
        autoComplete="off"
        onChange={(event) => {
          setDisplayName(event.currentTarget.value);
        }}
      />
      <RoleChoice chosen={roles} onChoose={setRoles} />
    </FormDialog>
  );
}

/** What a person is here to do. */
export function RolesDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const { t } = useTranslation();
  const { setRoles } = useAccountActs();
  const [roles, chooseRoles] = useState<readonly Role[]>(account.roles);
  return (
    <FormDialog
      title={t("accounts.roles_of", { name: account.name })}
      confirm={t("accounts.change")}
      disabled={roles.length === 0}
      pending={setRoles.isPending}
      error={setRoles.error}
      onClose={onClose}
      onSubmit={() => {
        setRoles.mutate({ name: account.name, roles }, { onSuccess: onClose });
      }}
    >
      <RoleChoice chosen={roles} onChoose={chooseRoles} />
      <p className={classes.hint}>
        {t(account.issuer === null ? "accounts.roles_hint" : "accounts.roles_of_provider")}
      </p>
    </FormDialog>
  );
}

interface RoleChoiceProps {
  chosen: readonly Role[];
  onChoose: (roles: readonly Role[]) => void;
}

function RoleChoice({ chosen, onChoose }: RoleChoiceProps) {
  const { t } = useTranslation();
  return (
    <Checkbox.Group
      label={t("accounts.roles")}
      value={[...chosen]}
      onChange={(values) => {
        onChoose(ROLES.filter((role) => values.includes(role)));
      }}
    >
      {ROLES.map((role) => (
        <Checkbox
          key={role}
          mt={8}
          value={role}
          label={t(`role.${role}`)}
          description={t(`accounts.role_hint.${role}`)}
        />
      ))}
    </Checkbox.Group>
  );
}
