import { Button, Modal } from "@mantine/core";
import { IconUserExclamation } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { Claim, Row } from "../api";
import { useNow } from "../clock";
import { openStudy } from "../route";
import { duration, personName, sentence, timeOfDay } from "../words";
import { claimedByHand } from "./byItself";
import classes from "./Dialogs.module.css";
import { useRowAct } from "./useRows";

interface Props {
  row: Row;
  claim: Claim;
  opening: boolean;
  onClose: () => void;
}

/** Somebody else reads this study: leave it, only look, or take it over, but knowingly. */
export function ClaimDialog({ row, claim, opening, onClose }: Props) {
  const { t } = useTranslation();
  const now = useNow();
  const take = useRowAct();
  const look = () => {
    onClose();
    openStudy(row.study_instance_uid);
  };
  const takeOver = () => {
    take.mutate(
      { act: "claim", uid: row.study_instance_uid, body: { take_over: true } },
      {
        onSuccess: () => {
          claimedByHand(row.study_instance_uid);
          if (opening) look();
          else onClose();
        },
      },
    );
  };
  return (
    <Modal
      opened
      onClose={onClose}
      centered
      title={
        <span className={classes.title}>
          <IconUserExclamation size={20} aria-hidden />
          {t("claim.conflict")}
        </span>
      }
      closeButtonProps={{ "aria-label": t("dialog.close") }}
    >
      <p className={classes.lead}>
        <strong>
          <bdi>{claim.display_name}</bdi>
        </strong>{" "}
        {t("claim.reads_since", {
          at: timeOfDay(claim.since, now),
          duration: duration(now - Date.parse(claim.since)),
        })}
      </p>
      <p className={classes.about}>
        <bdi>{personName(row.patient_name)}</bdi> · {row.modalities.join(" ")} {row.study_description}
      </p>
      <p className={classes.hint}>{t("claim.take_over_hint")}</p>
      {take.error !== null && (
        <p className={classes.refusal} role="alert">
          {sentence(take.error.message)}
        </p>
      )}
      <div className={classes.buttons}>
        <Button variant="subtle" color="gray" loading={take.isPending} onClick={takeOver}>
          {t("claim.take_over")}
        </Button>
        {opening && (
          <Button variant="default" onClick={look}>
            {t("claim.look")}
          </Button>
        )}
        <Button data-autofocus onClick={onClose}>
          {t("claim.leave")}
        </Button>
      </div>
    </Modal>
  );
}
