import { ActionIcon, useComputedColorScheme } from "@mantine/core";
import { IconBroadcast, IconMoon, IconPlugConnectedX, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { AccountMenu } from "./AccountMenu";
import type { LiveState } from "./live";
import { usePreferences } from "./preferences";
import classes from "./TopBar.module.css";

/** What stands above everything: where one is, whether it is live, and what AI results are not. */
export function TopBar({ live, children }: { live: LiveState; children: ReactNode }) {
  const { t } = useTranslation();
  const colorScheme = useComputedColorScheme("dark");
  const { choose } = usePreferences();
  const Icon = live === "live" ? IconBroadcast : IconPlugConnectedX;
  return (
    <header className={classes.bar}>
      <div className={classes.place}>{children}</div>
      <p className={classes.notice}>{t("app.notice")}</p>
      <span className={classes.live} data-live={live} role="status">
        <Icon size={15} aria-hidden />
        {t(`live.${live}`)}
      </span>
      <AccountMenu />
      <ActionIcon
        variant="subtle"
        color="gray"
        onClick={() => {
          choose({ theme: colorScheme === "dark" ? "light" : "dark" });
        }}
        aria-label={colorScheme === "dark" ? t("app.light") : t("app.dark")}
      >
        {colorScheme === "dark" ? <IconSun size={16} /> : <IconMoon size={16} />}
      </ActionIcon>
    </header>
  );
}

/** The lookout's lamp. */
export function Mark() {
  return (
    <svg className={classes.mark} viewBox="0 0 24 24" width="24" height="24" aria-hidden>
      <path d="M12 22V10.5" className={classes.mast} />
      <path d="M5.2 10.2h13.6l-2 5.6H7.2z" className={classes.nest} />
      <circle cx="12" cy="5.2" r="3" className={classes.lamp} />
    </svg>
  );
}
