import { useEffect, useState } from "react";

import { AccountsPage } from "./accounts/AccountsPage";
import { Boundary } from "./Boundary";
import { DeliveriesPage } from "./deliveries/DeliveriesPage";
import { showDialog, useOpenDialog } from "./dialogs";
import { AiDialog } from "./list/AiDialog";
import { ClaimProvider } from "./list/ClaimProvider";
import { PreferencesDialog } from "./list/PreferencesDialog";
import { useFlagAlerts } from "./list/useFlagAlerts";
import { FIRST_PLACE, type ListPlace, WorklistPage } from "./list/WorklistPage";
import { useLiveUpdates } from "./live";
import { MessagesPage } from "./messages/MessagesPage";
import { Notices } from "./Notices";
import { NotificationsPage } from "./notifications/NotificationsPage";
import { useAppliedPreferences } from "./preferences";
import { RecordPage } from "./record/RecordPage";
import {
  useIsAccountsOpen,
  useIsDeliveriesOpen,
  useIsMessagesOpen,
  useIsNotificationsOpen,
  useIsSimulationsOpen,
  useOpenRecord,
  useOpenStudy,
} from "./route";
import { noteSignedIn, useRoles } from "./session";
import { SimulationsPage } from "./simulations/SimulationsPage";
import { StudyPage } from "./StudyPage";

/** The list or one study, for whoever is signed in. */
export function ReadingRoom() {
  useEffect(noteSignedIn, []);
  const live = useLiveUpdates();
  useAppliedPreferences();
  const openStudy = useOpenStudy();
  const roles = useRoles();
  const isAdministrator = roles.includes("administrator");
  const asksRecord = useOpenRecord();
  const record = isAdministrator ? asksRecord : null;
  const isAccountsOpen = useIsAccountsOpen() && isAdministrator;
  const isNotificationsOpen = useIsNotificationsOpen() && isAdministrator;
  const isMessagesOpen = useIsMessagesOpen() && isAdministrator;
  const isDeliveriesOpen = useIsDeliveriesOpen() && isAdministrator;
  const isSimulationsOpen =
    useIsSimulationsOpen() && (isAdministrator || roles.includes("qa_reviewer"));
  const [place, setPlace] = useState<ListPlace>(FIRST_PLACE);
  const page = isAccountsOpen
    ? "accounts"
    : isNotificationsOpen
      ? "notifications"
      : isDeliveriesOpen
        ? "deliveries"
        : isMessagesOpen
          ? "messages"
          : isSimulationsOpen
            ? "simulations"
            : record === null
              ? ""
              : "record";
  return (
    <ClaimProvider>
      <Boundary place={openStudy ?? page}>
        {page === "accounts" ? (
          <AccountsPage live={live} />
        ) : page === "notifications" ? (
          <NotificationsPage live={live} />
        ) : page === "deliveries" ? (
          <DeliveriesPage live={live} />
        ) : page === "messages" ? (
          <MessagesPage live={live} />
        ) : page === "simulations" ? (
          <SimulationsPage live={live} />
        ) : record !== null ? (
          <RecordPage live={live} place={record} />
        ) : openStudy === null ? (
          <WorklistPage live={live} place={place} onPlace={setPlace} />
        ) : (
          <StudyPage key={openStudy} studyInstanceUid={openStudy} live={live} />
        )}
      </Boundary>
      <OpenDialog />
      <FlagAlerts />
      <Notices />
    </ClaimProvider>
  );
}

/** Inside the claims: a notification opens as the list does. */
function FlagAlerts() {
  useFlagAlerts();
  return null;
}

function OpenDialog() {
  const open = useOpenDialog();
  useEffect(() => () => {
    showDialog(null); // none is left for who signs in next
  }, []);
  const close = () => {
    showDialog(null);
  };
  if (open === "preferences") return <PreferencesDialog onClose={close} />;
  if (open === "ai") return <AiDialog onClose={close} />;
  return null;
}
