import { Button, PasswordInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useEffect, useRef, useState } from "react";

import { DoorPage, Refusal } from "./DoorPage";
import classes from "./DoorPage.module.css";
import { openList } from "./route";
import { useDoor } from "./session";

/** One's own password in place of the present one; `forced` where nothing else is allowed before. */
export function PasswordPage({ forced }: { forced: boolean }) {
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
    <DoorPage title={forced ? "Choose your password" : "Change password"}>
      <p className={classes.hint}>
        {forced && "The one-time password has served. "}
        At least 12 characters; several words are easy to remember and hard to guess. You are signed
        out everywhere else.
      </p>
      <form onSubmit={submit}>
        <PasswordInput
          ref={present}
          label={forced ? "One-time password" : "Present password"}
          autoComplete="current-password"
          required
          withAsterisk={false}
        />
        <PasswordInput
          label="New password"
          autoComplete="new-password"
          value={chosen}
          onChange={(event) => {
            setChosen(event.currentTarget.value);
          }}
          required
          withAsterisk={false}
        />
        <PasswordInput
          label="New password again"
          autoComplete="new-password"
          value={again}
          onChange={(event) => {
            setAgain(event.currentTarget.value);
          }}
          error={differs && "This is not the same."}
          required
          withAsterisk={false}
        />
        <Refusal error={change.error ?? leave.error} />
        <Button type="submit" className={classes.submit} fullWidth loading={change.isPending}>
          Change password
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
          {forced ? "Sign out" : "Cancel"}
        </Button>
      </form>
    </DoorPage>
  );
}
