import { Button, PasswordInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { DoorPage, Refusal } from "./DoorPage";
import classes from "./DoorPage.module.css";
import { openList } from "./route";
import { useDoor } from "./session";

/** One's own password in place of the present one; `forced` where nothing else is allowed before. */
export function PasswordPage({ forced }: { forced: boolean }) {
  const { t } = useTranslation();
  const door = useDoor();
  const present = useRef<HTMLInputElement>(null);
  const [chosen, setChosen] = useState("");
  const [again, setAgain] = useState("");
  const change = useMutation({
    mutationFn: () => door.changePassword(present.current?.value ?? "", chosen),
    onSuccess: openList,
  });
  const leave = useMutation({ mutationFn: door.signOut });
  useEffect(() => {
    present.current?.focus();
  }, []);
  const differs = again !== "" && again !== chosen;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (chosen === again) change.mutate();
  };
  return (
    <DoorPage title={forced ? t("password.choose") : t("password.change")}>
      <p className={classes.hint}>
        {forced && `${t("password.served")} `}
        {t("password.rules")}
      </p>
      <form onSubmit={submit}>
        <PasswordInput
          ref={present}
          label={forced ? t("password.one_time") : t("password.present")}
          autoComplete="current-password"
          required
          withAsterisk={false}
        />
        <PasswordInput
          label={t("password.new")}
          autoComplete="new-password"
          value={chosen}
          onChange={(event) => {
            setChosen(event.currentTarget.value);
          }}
          required
          withAsterisk={false}
        />
        <PasswordInput
          label={t("password.again")}
          autoComplete="new-password"
          value={again}
          onChange={(event) => {
            setAgain(event.currentTarget.value);
          }}
          error={differs && t("password.differs")}
          required
          withAsterisk={false}
        />
        <Refusal error={change.error ?? leave.error} />
        <Button type="submit" className={classes.submit} fullWidth loading={change.isPending}>
          {t("password.change")}
        </Button>
        <Button
          variant="subtle"
          color="gray"
          fullWidth
          onClick={() => {
            if (forced) leave.mutate();
            else openList();
          }}
        >
          {forced ? t("account.sign_out") : t("password.cancel")}
        </Button>
      </form>
    </DoorPage>
  );
}
