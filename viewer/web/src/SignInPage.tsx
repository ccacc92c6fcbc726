import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { DoorPage, Refusal } from "./DoorPage";
import classes from "./DoorPage.module.css";
import { useSignOnRefusal } from "./route";
import { SIGN_ON_PATH, signOnRefusal, useDoor, wasSignedIn } from "./session";

/** Name and password, or the way to the provider where one is set up. */
export function SignInPage({ singleSignOn }: { singleSignOn: string | null }) {
  const { t } = useTranslation();
  const refusal = useSignOnRefusal();
  const signOnError = refusal === null ? null : new Error(signOnRefusal(refusal));
  const [isOver] = useState(wasSignedIn);
  const door = useDoor();
  const name = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const signIn = useMutation({
    mutationFn: () => door.signIn(name.current?.value ?? "", password.current?.value ?? ""),
    onError: () => {
      password.current?.focus();
      password.current?.select();
    },
  });
  useEffect(() => {
    name.current?.focus();
  }, []);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <DoorPage title={t("sign_in.title")}>
      {isOver && <p className={classes.hint}>{t("sign_in.over")}</p>}
      <form onSubmit={submit}>
        <TextInput
          ref={name}
          label={t("sign_in.name")}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          withAsterisk={false}
        />
        <PasswordInput
          ref={password}
          label={t("sign_in.password")}
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
        />
        <Refusal error={signIn.error ?? signOnError} />
        <Button type="submit" className={classes.submit} fullWidth loading={signIn.isPending}>
          {t("sign_in.submit")}
        </Button>
        {singleSignOn !== null && (
          <Button component="a" href={SIGN_ON_PATH} variant="default" fullWidth>
            {singleSignOn}
          </Button>
        )}
      </form>
    </DoorPage>
  );
}
