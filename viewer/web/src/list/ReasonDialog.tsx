import { Button, Modal, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";

import { sentence } from "../words";
import classes from "./Dialogs.module.css";

const LONGEST_REASON = 500;

interface Props {
  title: string;
  confirm: string;
  danger?: boolean;
  disabled?: boolean;
  size?: string;
  pending: boolean;
  error: Error | null;
  onClose: () => void;
  onConfirm: (reason: string) => void;
  children: ReactNode;
}

/** An act of a person that goes into the record with its reason; without one nothing happens. */
export function ReasonDialog(props: Props) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (reason.trim() !== "" && props.disabled !== true) props.onConfirm(reason.trim());
  };
  return (
    <Modal
      opened
      onClose={props.onClose}
      centered
      size={props.size ?? "md"}
      title={<span className={classes.title}>{props.title}</span>}
      closeButtonProps={{ "aria-label": t("dialog.close") }}
    >
      <form className={classes.form} onSubmit={submit}>
        {props.children}
        <TextInput
          label={t("dialog.reason")}
          description={t("dialog.reason_hint")}
          value={reason}
          maxLength={LONGEST_REASON}
          onChange={(event) => {
            setReason(event.currentTarget.value);
          }}
          required
          withAsterisk={false}
          data-autofocus
        />
        {props.error !== null && (
          <p className={classes.refusal} role="alert">
            {props.error instanceof TypeError ? t("app.no_answer") : sentence(props.error.message)}
          </p>
        )}
        <div className={classes.buttons}>
          <Button variant="default" onClick={props.onClose}>
            {t("dialog.cancel")}
          </Button>
          <Button
            type="submit"
            loading={props.pending}
            disabled={reason.trim() === "" || props.disabled === true}
            data-danger={props.danger === true || undefined}
          >
            {props.confirm}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
