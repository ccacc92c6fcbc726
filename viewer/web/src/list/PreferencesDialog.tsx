import { Button, Modal, SegmentedControl, Select, Switch, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Preferences } from "../api";
import { LANGUAGE_NAMES, LANGUAGES } from "../language";
import { usePreferences } from "../preferences";
import { sentence } from "../words";
import { askPermission, permission, ring } from "./alerts";
import classes from "./Dialogs.module.css";

const THEMES = ["dark", "light", "system"] as const;
const DENSITIES = ["comfortable", "compact"] as const;
const NIGHT = { quiet_from: "22:00", quiet_to: "06:00" };

/** What one person chooses for herself; each choice holds at once. */
export function PreferencesDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { preferences, choose, error } = usePreferences();
  return (
    <Modal
      opened
      onClose={onClose}
      centered
      size={540}
      title={<span className={classes.title}>{t("preferences.title")}</span>}
      closeButtonProps={{ "aria-label": t("dialog.close") }}
    >
      <div className={classes.settings}>
        <label className={classes.what} htmlFor="preferred-language">{t("preferences.language")}</label>
        <Select
          id="preferred-language"
          size="sm"
          allowDeselect={false}
          value={preferences.language ?? ""}
          data={[
            { value: "", label: t("preferences.browsers") },
            ...LANGUAGES.map((value) => ({ value, label: LANGUAGE_NAMES[value] })),
          ]}
          onChange={(value) => {
            choose({ language: LANGUAGES.find((one) => one === value) ?? null });
          }}
        />
        <span className={classes.what}>{t("preferences.theme")}</span>
        <SegmentedControl
          size="sm"
          aria-label={t("preferences.theme")}
          value={preferences.theme ?? "dark"}
          data={THEMES.map((value) => ({ value, label: t(`preferences.${value}`) }))}
          onChange={(value) => {
            const theme = THEMES.find((one) => one === value);
            if (theme !== undefined) choose({ theme });
          }}
        />
        <span className={classes.what}>{t("preferences.density")}</span>
        <SegmentedControl
          size="sm"
          aria-label={t("preferences.density")}
          value={preferences.density}
          data={DENSITIES.map((value) => ({ value, label: t(`preferences.${value}`) }))}
          onChange={(value) => {
            const density = DENSITIES.find((one) => one === value);
            if (density !== undefined) choose({ density });
          }}
        />
        <span className={classes.what}>{t("preferences.opening")}</span>
        <Switch
          label={t("preferences.claim_on_open")}
          checked={preferences.claim_on_open}
          onChange={(event) => {
            choose({ claim_on_open: event.currentTarget.checked });
          }}
        />
        <span className={classes.what}>{t("preferences.new_flag")}</span>
        <Alerts preferences={preferences} choose={choose} />
        <span className={classes.what}>{t("preferences.quiet")}</span>
        <QuietHours preferences={preferences} choose={choose} />
      </div>
      {error !== null && (
        <p className={classes.refusal} role="alert">
          {t("preferences.not_kept")}{" "}
          {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
        </p>
      )}
    </Modal>
  );
}

interface PartProps {
  preferences: Preferences;
  choose: (part: Partial<Preferences>) => void;
}

function Alerts({ preferences, choose }: PartProps) {
  const { t } = useTranslation();
  const [allowed, setAllowed] = useState(permission);
  const switchOn = (notifications: boolean) => {
    choose({ notifications });
    if (notifications) void askPermission().then(setAllowed);
  };
  return (
    <div className={classes.stack}>
      <Switch
        label={t("preferences.notifications")}
        checked={preferences.notifications}
        onChange={(event) => {
          switchOn(event.currentTarget.checked);
        }}
      />
      {preferences.notifications && allowed !== "granted" && (
        <p className={classes.refusal} role="alert">
          {t(allowed === "unsupported" ? "preferences.unsupported" : "preferences.blocked")}
        </p>
      )}
      <div className={classes.times}>
        <Switch
          label={t("preferences.sound")}
          checked={preferences.sound}
          onChange={(event) => {
            choose({ sound: event.currentTarget.checked });
          }}
        />
        <Button size="compact-xs" variant="default" onClick={ring}>
          {t("preferences.try_sound")}
        </Button>
      </div>
    </div>
  );
}

function QuietHours({ preferences, choose }: PartProps) {
  const { t } = useTranslation();
  const { quiet_from: from, quiet_to: to } = preferences;
  const isOn = from !== null && to !== null;
  return (
    <div className={classes.times}>
      <Switch
        {...(isOn
          ? { "aria-label": t("preferences.quiet") }
          : { label: t("preferences.quiet_on") })}
        checked={isOn}
        onChange={(event) => {
          choose(event.currentTarget.checked ? NIGHT : { quiet_from: null, quiet_to: null });
        }}
      />
      {isOn && (
        <>
          <TextInput
            type="time"
            size="xs"
            aria-label={t("preferences.quiet_from")}
            value={from}
            onChange={(event) => {
              if (event.currentTarget.value !== "") choose({ quiet_from: event.currentTarget.value });
            }}
          />
          <span>{t("preferences.until")}</span>
          <TextInput
            type="time"
            size="xs"
            aria-label={t("preferences.quiet_to")}
            value={to}
            onChange={(event) => {
              if (event.currentTarget.value !== "") choose({ quiet_to: event.currentTarget.value });
            }}
          />
        </>
      )}
    </div>
  );
}
