import { Button } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconAlertTriangle, IconPlayerStop } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

import type { WorklistPage } from "../api";
import { showDialog } from "../dialogs";
import { sentence } from "../words";
import classes from "./WorklistPage.module.css";

/**
 * The place of the banners above the list. While the list is held it neither grows nor shrinks:
 * a banner that comes lies over the list's head, and the rows below stay where they are.
 */
export function BannerSlot({ isHeld, children }: { isHeld: boolean; children: ReactNode }) {
  const { ref, height } = useElementSize<HTMLDivElement>();
  const [kept, setKept] = useState(height);
  if (!isHeld && kept !== height) setKept(height);
  return (
    <div className={classes.slot} style={{ height: kept }}>
      <div ref={ref} className={classes.banners}>
        {children}
      </div>
    </div>
  );
}

/** What everybody must know about AI now: that it is stopped, or that a detector fails. */
export function Banners({ page, canStart }: { page: WorklistPage; canStart: boolean }) {
  return (
    <>
      <Stopped page={page} canStart={canStart} />
      <InTrouble page={page} />
    </>
  );
}

function Stopped({ page, canStart }: { page: WorklistPage; canStart: boolean }) {
  const { t } = useTranslation();
  if (!page.ai_stopped && page.stopped_detectors.length === 0) return null;
  return (
    <div className={classes.banner} role="status">
      <IconPlayerStop size={17} aria-hidden />
      {page.ai_stopped ? (
        <span>
          <strong>{t("list.ai_stopped")}</strong> {t("list.without_ai")}
        </span>
      ) : (
        <span>
          <strong>{t("list.detectors_stopped", { names: page.stopped_detectors.join(", ") })}</strong>{" "}
          {t("list.without_them")}
        </span>
      )}
      {canStart && (
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => {
            showDialog("ai");
          }}
        >
          {t("ai.start")}
        </Button>
      )}
    </div>
  );
}

function InTrouble({ page }: { page: WorklistPage }) {
  const { t } = useTranslation();
  if (page.trouble.length === 0) return null;
  return (
    <div className={classes.trouble} role="status" data-testid="trouble">
      <IconAlertTriangle size={17} aria-hidden />
      <span>
        {page.trouble.map(({ detector, broken, failed, of, reason }) => (
          <span key={detector} className={classes.one}>
            <strong>
              {broken
                ? t("trouble.broken", { detector })
                : t("trouble.fails", { detector, failed, count: of })}
            </strong>{" "}
            {sentence(reason)}
          </span>
        ))}{" "}
        {t("trouble.meaning")}
      </span>
    </div>
  );
}
