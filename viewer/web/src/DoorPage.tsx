import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import classes from "./DoorPage.module.css";
import { LanguageRow } from "./LanguageChoice";
import { Mark } from "./TopBar";
import { sentence } from "./words";

/** The frame of what is shown before anything of patients is. */
export function DoorPage({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <main className={classes.page}>
      <section className={classes.card} aria-labelledby="door-title">
        <header className={classes.head}>
          <Mark />
          <span>Vigie</span>
        </header>
        <h1 id="door-title">{title}</h1>
        {children}
      </section>
      <p className={classes.notice}>{t("app.notice")}</p>
      <LanguageRow />
    </main>
  );
}

/** Why the node refused, in its own words; heard at once. */
export function Refusal({ error }: { error: Error | null }) {
  const { t } = useTranslation();
  return (
    <div role="alert" className={classes.refusal} data-empty={error === null}>
      {error !== null && (
        <>
          <IconAlertTriangle size={16} aria-hidden />
          <span>
            {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
          </span>
        </>
      )}
    </div>
  );
}
