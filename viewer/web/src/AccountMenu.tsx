import { Button, Menu } from "@mantine/core";
import {
  IconAdjustments,
  IconBell,
  IconChartDots,
  IconKey,
  IconLogout,
  IconMessages,
  IconSend,
  IconUser,
  IconUsers,
} from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { showDialog } from "./dialogs";
import { LanguageItems } from "./LanguageChoice";
import { usePreferences } from "./preferences";
import {
  openAccounts,
  openDeliveries,
  openMessages,
  openNotifications,
  openPassword,
  openSimulations,
} from "./route";
import { useDoor, useSession } from "./session";

/** Who is signed in, and the way out. */
export function AccountMenu() {
  const { t } = useTranslation();
  const session = useSession().data;
  const { choose } = usePreferences();
  const door = useDoor();
  const leave = useMutation({ mutationFn: door.signOut });
  if (session?.name == null) return null;
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconUser size={15} aria-hidden />}
          aria-label={t("account.of", { name: session.display_name ?? session.name })}
        >
          {session.display_name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.name} · {session.roles.map((role) => t(`role.${role}`)).join(", ")}
        </Menu.Label>
        {session.has_password && (
          <Menu.Item leftSection={<IconKey size={15} aria-hidden />} onClick={openPassword}>
            {t("account.change_password")}
          </Menu.Item>
        )}
        <Menu.Item
          leftSection={<IconAdjustments size={15} aria-hidden />}
          onClick={() => {
            showDialog("preferences");
          }}
        >
          {t("preferences.title")}
        </Menu.Item>
        {session.roles.includes("administrator") && (
          <Menu.Item leftSection={<IconUsers size={15} aria-hidden />} onClick={openAccounts}>
            {t("account.accounts")}
          </Menu.Item>
        )}
        {session.roles.includes("administrator") && (
          <Menu.Item leftSection={<IconBell size={15} aria-hidden />} onClick={openNotifications}>
            {t("account.notifications")}
          </Menu.Item>
        )}
        {session.roles.includes("administrator") && (
          <Menu.Item leftSection={<IconMessages size={15} aria-hidden />} onClick={openMessages}>
            {t("account.messages")}
          </Menu.Item>
        )}
        {session.roles.includes("administrator") && (
          <Menu.Item leftSection={<IconSend size={15} aria-hidden />} onClick={openDeliveries}>
            {t("account.deliveries")}
          </Menu.Item>
        )}
        {session.roles.some((role) => role === "administrator" || role === "qa_reviewer") && (
          <Menu.Item leftSection={<IconChartDots size={15} aria-hidden />} onClick={openSimulations}>
            {t("account.simulations")}
          </Menu.Item>
        )}
        <LanguageItems
          onChoose={(language) => {
            choose({ language });
          }}
        />
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconLogout size={15} aria-hidden />}
          onClick={() => {
            leave.mutate();
          }}
        >
          {leave.isError ? t("account.sign_out_failed") : t("account.sign_out")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
