import { Button } from "@mantine/core";
import { IconUser, IconUserCheck, IconUserExclamation } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { Row } from "../api";
import { useNow } from "../clock";
import { duration, timeOfDay } from "../words";
import { keep, useIsUnkept } from "./byItself";
import classes from "./ClaimBar.module.css";
import { useClaims } from "./claims";

/** Who reads the open study, said above its images: nobody, its reader, or somebody else. */
export function ClaimBar({ row }: { row: Row }) {
  const { t } = useTranslation();
  const now = useNow();
  const { canClaim, claim, release } = useClaims();
  const isUnkept = useIsUnkept(row.study_instance_uid);
  if (row.reading_state === "read") return null;
  const { claim: present } = row;
  const whose = present === null ? "free" : present.mine ? "mine" : "another";
  const Icon = { free: IconUser, mine: IconUserCheck, another: IconUserExclamation }[whose];
  return (
    <div className={classes.bar} data-whose={whose} data-testid="claim-bar" role="status">
      <Icon size={17} aria-hidden />
      {present === null ? (
        <span>{t("claim.free_study")}</span>
      ) : (
        <span>
          <strong>
            <bdi>{present.mine ? t("claim.you") : present.display_name}</bdi>
          </strong>{" "}
          {t(present.mine ? "claim.you_read_since" : "claim.reads_since", {
            at: timeOfDay(present.since, now),
            duration: duration(now - Date.parse(present.since)),
          })}
          {whose === "mine" && isUnkept && <> {t("claim.by_itself")}</>}
        </span>
      )}
      {whose === "mine" && isUnkept && (
        <Button
          size="compact-sm"
          variant="default"
          onClick={() => {
            keep(row.study_instance_uid);
          }}
        >
          {t("claim.keep")}
        </Button>
      )}
      {canClaim && (
        <Button
          size="compact-sm"
          variant={whose === "free" ? "filled" : "default"}
          onClick={() => {
            if (whose === "mine") release(row);
            else claim(row);
          }}
        >
          {whose === "free"
            ? t("claim.read_this")
            : whose === "mine"
              ? t("claim.release")
              : t("claim.take_over")}
        </Button>
      )}
    </div>
  );
}
