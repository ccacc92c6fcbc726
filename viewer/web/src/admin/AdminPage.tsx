import { Button, Loader } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import type { LiveState } from "../live";
import { openList } from "../route";
import { TopBar } from "../TopBar";
import { sentence } from "../words";
import classes from "./Admin.module.css";

interface PageProps {
  live: LiveState;
  title: string;
  head?: ReactNode; // beside the title: what is shown, what may be added
  children: ReactNode;
}

/** A page of an administrator: the way back to the list, a title, and what there is to see. */
export function AdminPage({ live, title, head, children }: PageProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.page}>
      <TopBar live={live}>
        <Button
          variant="default"
          size="compact-md"
          leftSection={<IconArrowLeft size={16} aria-hidden />}
          onClick={openList}
        >
          {t("study.back")}
        </Button>
        <h1 className={classes.title}>{title}</h1>
        {head}
      </TopBar>
      <main className={classes.body}>{children}</main>
    </div>
  );
}

/** Why the node did not do as it was asked; nothing without an error. */
export function Refusal({ error }: { error: Error | null }) {
  const { t } = useTranslation();
  if (error === null) return null;
  return (
    <p className={classes.refusal} role="alert">
      <IconAlertTriangle size={17} aria-hidden />
      {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
    </p>
  );
}

interface AnsweredProps<Data> {
  asked: { data: Data | undefined; error: Error | null; isPending: boolean };
  loading: string; // what is on its way, as it is heard
  children: (data: Data) => ReactNode;
}

/** What the node answered, also while it is asked again; that it is asked, and why it refused. */
export function Answered<Data>({ asked, loading, children }: AnsweredProps<Data>) {
  return (
    <>
      <Refusal error={asked.error} />
      {asked.isPending && <Loader mx="auto" mt="18vh" aria-label={loading} />}
      {asked.data !== undefined && children(asked.data)}
    </>
  );
}
