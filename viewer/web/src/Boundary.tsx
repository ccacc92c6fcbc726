/** What stands where a part of the page broke: what happened, and the way on. */

import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { DoorPage } from "./DoorPage";
import door from "./DoorPage.module.css";
import { openList } from "./route";

interface Props {
  place: string; // elsewhere, what broke here is over
  children: ReactNode;
}

interface State {
  error: Error | null;
}

/** Without it React would leave a blank page behind an error. */
export class Boundary extends Component<Props, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override componentDidUpdate({ place }: Props): void {
    if (this.state.error !== null && place !== this.props.place) this.setState({ error: null });
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <Broken
        error={error}
        onList={() => {
          openList();
          this.setState({ error: null });
        }}
      />
    );
  }
}

function Broken({ error, onList }: { error: Error; onList: () => void }) {
  const { t } = useTranslation();
  return (
    <DoorPage title={t("app.cannot_be_shown")}>
      <div className={door.stack}>
        <p role="alert">{t("app.broke", { error: error.message })}</p>
        <Button onClick={onList}>{t("app.back_to_list")}</Button>
      </div>
    </DoorPage>
  );
}
