import { Anchor, Button, Table } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { AdminPage, Answered, Refusal } from "../admin/AdminPage";
import { AdminTable, Choice, Older } from "../admin/AdminTable";
import { useNow } from "../clock";
import type { LiveState } from "../live";
import { studyHref } from "../route";
import { fullTime, sentence, timeToTheSecond } from "../words";
import classes from "./Notifications.module.css";
import {
  type Channel,
  isLeft,
  isSilent,
  type Notification,
  type State,
  STATES,
  useNotificationActs,
  useNotifications,
} from "./notifications";

/** For administrators: what was told on which channel, and whether a channel works. */
export function NotificationsPage({ live }: { live: LiveState }) {
  const { t } = useTranslation();
  const [state, setState] = useState<State | null>(null);
  const asked = useNotifications(state);
  return (
    <AdminPage
      live={live}
      title={t("notifications.title")}
      head={
        <Choice
          name={t("notifications.shown")}
          any={t("notifications.all")}
          values={STATES}
          wordsOf={(one) => t(`notifications.state.${one}`)}
          chosen={state}
          onChoose={setState}
        />
      }
    >
      <Answered asked={asked} loading={t("notifications.loading")}>
        {({ pages }) => {
          const channels = pages[0]?.channels ?? [];
          const known = pages.flatMap((page) => page.notifications);
          return (
            <>
              <Channels channels={channels} />
              {known.length === 0 ? (
                <p className={classes.said}>{t("notifications.none")}</p>
              ) : (
                <NotificationTable notifications={known} channels={channels} />
              )}
            </>
          );
        }}
      </Answered>
      <Older pages={asked}>{t("notifications.older")}</Older>
    </AdminPage>
  );
}

/** Each with a way to try it, and what came of the last try. */
function Channels({ channels }: { channels: readonly Channel[] }) {
  const { t } = useTranslation();
  const now = useNow();
  const { test } = useNotificationActs();
  if (channels.length === 0) return <p className={classes.said}>{t("notifications.no_channels")}</p>;
  return (
    <>
      <ul className={classes.channels}>
        {channels.map((channel) => (
          <li key={channel.name} className={classes.channel} data-channel={channel.name}>
            <span className={classes.name}>{channel.name}</span>
            {isSilent(channel, now) ? (
              <span className={classes.silent}>{t("notifications.silent")}</span>
            ) : (
              <span className={classes.dim}>{t("notifications.works")}</span>
            )}
            <Button
              variant="default"
              size="compact-sm"
              aria-label={t("notifications.test_of", { name: channel.name })}
              loading={test.isPending && test.variables === channel.name}
              disabled={test.isPending}
              onClick={() => {
                test.mutate(channel.name);
              }}
            >
              {t("notifications.test")}
            </Button>
          </li>
        ))}
      </ul>
      <div aria-live="polite" className={classes.said}>
        <Refusal error={test.error} />
        {test.data !== undefined && (
          <span data-testid="tried" data-confirmed={test.data.confirmed}>
            {test.variables}: {test.data.words}
          </span>
        )}
      </div>
    </>
  );
}

const COLUMNS = ["flagged", "channel", "finding", "state", "tries", "last", "study"] as const;

interface TableProps {
  notifications: readonly Notification[];
  channels: readonly Channel[];
}

function NotificationTable({ notifications, channels }: TableProps) {
  const { t } = useTranslation();
  return (
    <AdminTable
      columns={COLUMNS.map((column) => t(`notifications.column.${column}`))}
      acts={t("notifications.column.acts")}
    >
      {notifications.map((one) => (
        <NotificationRow key={one.notification_id} notification={one} left={isLeft(one, channels)} />
      ))}
    </AdminTable>
  );
}

interface RowProps {
  notification: Notification;
  left: boolean; // by a channel that is set no longer
}

function NotificationRow({ notification: one, left }: RowProps) {
  const { t } = useTranslation();
  const now = useNow();
  const { sendAgain } = useNotificationActs();
  return (
    <Table.Tr data-state={one.state} data-notification={one.notification_id}>
      <Table.Td title={fullTime(one.flagged_at)}>{timeToTheSecond(one.flagged_at, now)}</Table.Td>
      <Table.Td>
        {one.channel}
        {left && <div className={classes.silent}>{t("notifications.left")}</div>}
      </Table.Td>
      <Table.Td title={`${one.detector} ${one.detector_version}`}>{one.finding}</Table.Td>
      <Table.Td className={classes.state} title={fullTime(one.changed_at)}>
        {t(`notifications.state.${one.state}`)}
      </Table.Td>
      <Table.Td>{one.attempts}</Table.Td>
      <Table.Td className={classes.words}>
        {sendAgain.isError ? sentence(sendAgain.error.message) : one.words}
        {one.reached.length > 0 && (
          <div className={classes.dim}>{t("notifications.reached", { who: one.reached.join(", ") })}</div>
        )}
      </Table.Td>
      <Table.Td>
        <Anchor href={studyHref(one.study_instance_uid)} title={one.study_instance_uid} size="sm">
          {t("notifications.open")}
        </Anchor>
      </Table.Td>
      <Table.Td>
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<IconSend size={15} aria-hidden />}
          loading={sendAgain.isPending}
          onClick={() => {
            sendAgain.mutate(one.notification_id);
          }}
        >
          {t("notifications.again")}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
