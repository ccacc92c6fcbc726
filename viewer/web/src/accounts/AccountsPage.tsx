import { ActionIcon, Button, Menu, Table } from "@mantine/core";
import {
  IconDots,
  IconKey,
  IconLogout,
  IconUserCheck,
  IconUserOff,
  IconUserPlus,
  IconUsersGroup,
} from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { AdminPage, Answered } from "../admin/AdminPage";
import { AdminTable } from "../admin/AdminTable";
import type { LiveState } from "../live";
import { useSession } from "../session";
import { calendarDay, fullTime } from "../words";
import { AddDialog, RolesDialog } from "./AccountDialogs";
import classes from "./Accounts.module.css";
import { type Account, useAccounts } from "./accounts";
import { ConfirmDialog, type Confirmed, ResetDialog } from "./ConfirmDialogs";

type Open =
  | { what: "add" }
  | { what: "roles" | "reset"; account: Account }
  | { what: Confirmed; account: Account }
  | null;

/** For administrators: who may come in, and what for. */
export function AccountsPage({ live }: { live: LiveState }) {
  const { t } = useTranslation();
  const accounts = useAccounts();
  const [open, setOpen] = useState<Open>(null);
  return (
    <AdminPage
      live={live}
      title={t("accounts.title")}
      head={
        <Button
          size="compact-md"
          leftSection={<IconUserPlus size={16} aria-hidden />}
          onClick={() => {
            setOpen({ what: "add" });
          }}
        >
          {t("accounts.add")}
        </Button>
      }
    >
      <Answered asked={accounts} loading={t("accounts.loading")}>
        {(all) => <AccountTable accounts={all} onOpen={setOpen} />}
      </Answered>
      <p className={classes.hint}>{t("accounts.hint")}</p>
      <OpenDialog
        open={open}
        onClose={() => {
          setOpen(null);
        }}
      />
    </AdminPage>
  );
}

const COLUMNS = ["name", "who", "roles", "state", "by", "since"] as const;

interface TableProps {
  accounts: readonly Account[];
  onOpen: (open: Open) => void;
}

function AccountTable({ accounts, onOpen }: TableProps) {
  const { t } = useTranslation();
  const own = useSession().data?.name;
  return (
    <AdminTable
      columns={COLUMNS.map((column) => t(`accounts.column.${column}`))}
      acts={t("accounts.column.acts")}
    >
      {accounts.map((account) => (
        <AccountRow
          key={account.name}
          account={account}
          isOwn={account.name === own}
          onOpen={onOpen}
        />
      ))}
    </AdminTable>
  );
}

interface RowProps {
  account: Account;
  isOwn: boolean;
  onOpen: (open: Open) => void;
}

function AccountRow({ account, isOwn, onOpen }: RowProps) {
  const { t } = useTranslation();
  const ways = [
    account.has_password ? t("accounts.by_password") : "",
    account.issuer === null ? "" : t("accounts.by_sign_on"),
  ].filter((way) => way !== "");
  return (
    <Table.Tr className={classes.row} data-state={account.state} data-account={account.name}>
      <Table.Td className={classes.name}>
        {account.name}
        {isOwn && <span className={classes.own}>{t("accounts.you")}</span>}
      </Table.Td>
      <Table.Td>
        <bdi>{account.display_name}</bdi>
      </Table.Td>
      <Table.Td>{account.roles.map((role) => t(`role.${role}`)).join(", ")}</Table.Td>
      <Table.Td>
        <span className={classes.state}>{t(`accounts.state.${account.state}`)}</span>
        {account.signed_in && <span className={classes.present}>{t("accounts.signed_in")}</span>}
      </Table.Td>
      <Table.Td title={account.issuer ?? undefined}>{ways.join(", ")}</Table.Td>
      <Table.Td title={fullTime(account.created_at)}>
        {calendarDay(account.created_at.slice(0, 10))}
      </Table.Td>
      <Table.Td>
        <RowMenu account={account} isOwn={isOwn} onOpen={onOpen} />
      </Table.Td>
    </Table.Tr>
  );
}

function RowMenu({ account, isOwn, onOpen }: RowProps) {
  const { t } = useTranslation();
  const isDisabled = account.state === "disabled";
  const item = (what: Exclude<Open, null>["what"], Icon: typeof IconKey, words: string) => (
    <Menu.Item
      leftSection={<Icon size={15} aria-hidden />}
      onClick={() => {
        onOpen(what === "add" ? { what } : { what, account });
      }}
    >
      {words}
    </Menu.Item>
  );
  return (
    <Menu position="bottom-end" width={250}>
      <Menu.Target>
        <ActionIcon variant="default" aria-label={t("accounts.acts_on", { name: account.name })}>
          <IconDots size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {item("roles", IconUsersGroup, t("accounts.roles_act"))}
        {!isOwn && item("reset", IconKey, t("accounts.reset_act"))}
        {item("end-sessions", IconLogout, t("accounts.end_act"))}
        <Menu.Divider />
        {isDisabled
          ? item("enable", IconUserCheck, t("accounts.enable_act"))
          : item("disable", IconUserOff, t("accounts.disable_act"))}
      </Menu.Dropdown>
    </Menu>
  );
}

function OpenDialog({ open, onClose }: { open: Open; onClose: () => void }) {
  if (open === null) return null;
  if (open.what === "add") return <AddDialog onClose={onClose} />;
  if (open.what === "roles") return <RolesDialog account={open.account} onClose={onClose} />;
  if (open.what === "reset") return <ResetDialog account={open.account} onClose={onClose} />;
  return <ConfirmDialog what={open.what} account={open.account} onClose={onClose} />;
}
