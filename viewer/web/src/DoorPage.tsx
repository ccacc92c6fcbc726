import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";

import classes from "./DoorPage.module.css";
import { Mark } from "./TopBar";
import { sentence } from "./words";

/** The frame of what is shown before anything of patients is. */
export function DoorPage({ title, children }: { title: string; children: ReactNode }) {
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
      <p className={classes.notice}>AI results are not reviewed. Not a medical device.</p>
    </main>
  );
}

/** Why the node refused, in its own words; heard at once. */
export function Refusal({ error }: { error: Error | null }) {
  return (
    <div role="alert" className={classes.refusal} data-empty={error === null}>
      {error !== null && (
        <>
          <IconAlertTriangle size={16} aria-hidden />
          <span>
            {error instanceof TypeError ? "The node does not answer." : sentence(error.message)}
          </span>
        </>
      )}
    </div>
  );
}
