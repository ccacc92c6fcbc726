import { Button, Checkbox, Modal, Table } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { AdminPage, Answered } from "../admin/AdminPage";
import { AdminTable } from "../admin/AdminTable";
import { useNow } from "../clock";
import { ReasonDialog } from "../list/ReasonDialog";
import type { LiveState } from "../live";
import { fullTime, sentence, timeToTheSecond } from "../words";
import {
  isDead,
  type Message,
  segmentsOf,
  useAgain,
  useDeadLetter,
  useDismiss,
  useMessages,
} from "./messages";
import classes from "./Messages.module.css";

/** For administrators: what was exchanged with the RIS, and what needs looking after. */
export function MessagesPage({ live }: { live: LiveState }) {
  const { t } = useTranslation();
  const [onlyDead, setOnlyDead] = useState(false);
  const [shown, setShown] = useState<string | null>(null);
  const [dismissed, setDismissed] = useState<string | null>(null);
  const asked = useMessages(onlyDead);
  return (
    <AdminPage
      live={live}
      title={t("messages.title")}
      head={
        <Checkbox
          size="xs"
          label={t("messages.only_dead")}
          checked={onlyDead}
          onChange={(event) => {
            setOnlyDead(event.currentTarget.checked);
          }}
        />
      }
    >
      <Answered asked={asked} loading={t("messages.loading")}>
        {(messages) =>
          messages.length === 0 ? (
            <p className={classes.said}>{t(onlyDead ? "messages.none_dead" : "messages.none")}</p>
          ) : (
            <MessageTable messages={messages} onShow={setShown} onDismiss={setDismissed} />
          )
        }
      </Answered>
      {shown !== null && (
        <WholeMessage
          id={shown}
          onClose={() => {
            setShown(null);
          }}
        />
      )}
      {dismissed !== null && (
        <DismissDialog
          id={dismissed}
          onClose={() => {
            setDismissed(null);
          }}
        />
      )}
    </AdminPage>
  );
}

const COLUMNS = ["at", "message", "type", "control_id", "state", "accession_number", "why"] as const;

interface Acts {
  onShow: (id: string) => void;
  onDismiss: (id: string) => void;
}

interface TableProps extends Acts {
  messages: readonly Message[];
}

function MessageTable({ messages, onShow, onDismiss }: TableProps) {
  const { t } = useTranslation();
  return (
    <AdminTable
      columns={COLUMNS.map((column) => t(`messages.column.${column}`))}
      acts={t("messages.column.acts")}
    >
      {messages.map((one) => (
        <MessageRow key={one.message_id} message={one} onShow={onShow} onDismiss={onDismiss} />
      ))}
    </AdminTable>
  );
}

interface RowProps extends Acts {
  message: Message;
}

function MessageRow({ message: one, onShow, onDismiss }: RowProps) {
  const { t } = useTranslation();
  const now = useNow();
  const again = useAgain();
  const isOurs = one.sender === "";
  return (
    <Table.Tr data-state={one.state} data-message={one.message_id}>
      <Table.Td title={fullTime(one.at)}>{timeToTheSecond(one.at, now)}</Table.Td>
      <Table.Td title={isOurs ? "" : one.sender}>{one.message_id}</Table.Td>
      <Table.Td>{one.message_type}</Table.Td>
      <Table.Td>{one.control_id}</Table.Td>
      <Table.Td className={classes.state}>
        {t(`messages.state.${one.state}`)} {one.code}
      </Table.Td>
      <Table.Td>{one.accession_number}</Table.Td>
      <Table.Td className={classes.words}>
        {again.isError ? sentence(again.error.message) : sentence(one.error)}
      </Table.Td>
      <Table.Td className={classes.acts}>
        {isDead(one) && (
          <>
            <Button
              variant="subtle"
              size="compact-sm"
              aria-label={t("messages.show_of", { id: one.message_id })}
              onClick={() => {
                onShow(one.message_id);
              }}
            >
              {t("messages.show")}
            </Button>
            <Button
              variant="subtle"
              size="compact-sm"
              leftSection={<IconRefresh size={15} aria-hidden />}
              aria-label={t(isOurs ? "messages.send_again_of" : "messages.read_again_of", {
                id: one.message_id,
              })}
              loading={again.isPending}
              onClick={() => {
                again.mutate(one.message_id);
              }}
            >
              {t(isOurs ? "messages.send_again" : "messages.read_again")}
            </Button>
            <Button
              variant="subtle"
              size="compact-sm"
              aria-label={t("messages.dismiss_of", { id: one.message_id })}
              onClick={() => {
                onDismiss(one.message_id);
              }}
            >
              {t("messages.dismiss")}
            </Button>
          </>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** A dead letter that needs no more looking after, and why. */
function DismissDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const dismiss = useDismiss();
  return (
    <ReasonDialog
      title={t("messages.dismiss_of", { id })}
      confirm={t("messages.dismiss")}
      pending={dismiss.isPending}
      error={dismiss.error}
      onClose={onClose}
      onConfirm={(reason) => {
        dismiss.mutate({ id, reason }, { onSuccess: onClose });
      }}
    >
      <p>{t("messages.dismiss_hint")}</p>
    </ReasonDialog>
  );
}

/** A dead letter with everything in it: the one place where a message names its patient. */
function WholeMessage({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const asked = useDeadLetter(id);
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      title={t("messages.whole", { id })}
      closeButtonProps={{ "aria-label": t("messages.close") }}
    >
      <Answered asked={asked} loading={t("messages.loading")}>
        {({ content }) => (
          <pre className={classes.whole} data-testid="whole-message">
            {segmentsOf(content).join("\n")}
          </pre>
        )}
      </Answered>
    </Modal>
  );
}
