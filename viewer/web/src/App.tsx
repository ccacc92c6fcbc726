import { Button, Loader } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { DoorPage, Refusal } from "./DoorPage";
import classes from "./DoorPage.module.css";
import { dismissAll } from "./notices";
import { PasswordPage } from "./PasswordPage";
import { ReadingRoom } from "./ReadingRoom";
import { useIsPasswordOpen } from "./route";
import { forgetWhatWasSeen, useSession } from "./session";
import { SignInPage } from "./SignInPage";

/** Nothing of a patient is shown, or kept, without a session. */
export function App() {
  const { t } = useTranslation();
  const session = useSession();
  const client = useQueryClient();
  const isPasswordOpen = useIsPasswordOpen();
  const isOut = session.data !== undefined && session.data.name === null;
  useEffect(() => {
    if (!isOut) return;
    forgetWhatWasSeen(client);
    dismissAll();
  }, [client, isOut]);

  if (session.data === undefined) {
    return session.isPending ? (
      <Loader mx="auto" mt="18vh" aria-label={t("app.loading")} display="block" />
    ) : (
      <DoorPage title={t("app.cannot_be_shown")}>
        <div className={classes.stack}>
          <Refusal error={session.error} />
          <Button variant="default" onClick={() => void session.refetch()}>
            {t("app.try_again")}
          </Button>
        </div>
      </DoorPage>
    );
  }
  if (isOut) return <SignInPage singleSignOn={session.data.single_sign_on} />;
  if (session.data.must_change_password) return <PasswordPage forced />;
  if (isPasswordOpen) return <PasswordPage forced={false} />;
  return <ReadingRoom />;
}
