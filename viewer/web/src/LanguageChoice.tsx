import { Menu } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import { chooseLanguage, type Language, LANGUAGE_NAMES, LANGUAGES, useLanguage } from "./language";
import classes from "./LanguageChoice.module.css";

/** The languages as entries of a menu. */
export function LanguageItems({ onChoose }: { onChoose: (language: Language) => void }) {
  const { t } = useTranslation();
  const chosen = useLanguage();
  return (
    <>
      <Menu.Label>{t("app.language")}</Menu.Label>
      {LANGUAGES.map((language) => (
        <Menu.Item
          key={language}
          aria-current={language === chosen}
          lang={language}
          leftSection={
            <IconCheck
              size={15}
              aria-hidden
              visibility={language === chosen ? "visible" : "hidden"}
            />
          }
          onClick={() => {
            onChoose(language);
          }}
        >
          {LANGUAGE_NAMES[language]}
        </Menu.Item>
      ))}
    </>
  );
}

/** The languages beside each other, where nobody is signed in yet. */
export function LanguageRow() {
  const { t } = useTranslation();
  const chosen = useLanguage();
  return (
    <div role="group" aria-label={t("app.language")} className={classes.row}>
      {LANGUAGES.map((language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={language === chosen}
          onClick={() => {
            chooseLanguage(language);
          }}
        >
          {LANGUAGE_NAMES[language]}
        </button>
      ))}
    </div>
  );
}
