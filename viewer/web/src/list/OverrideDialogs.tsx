import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { RequestedPriority, Row } from "../api";
import { personName } from "../words";
import classes from "./Dialogs.module.css";
import { ReasonDialog } from "./ReasonDialog";
import { useRowAct } from "./useRows";

const PRIORITIES: readonly RequestedPriority[] = ["stat", "urgent", "routine"];

interface Props {
  row: Row;
  onClose: () => void;
}

/** Another priority than the requested one, or the requested one again. */
export function PriorityDialog({ row, onClose }: Props) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<string>(row.priority_in_force);
  const override = useRowAct();
  return (
    <ReasonDialog
      title={t("override.priority")}
      confirm={t("override.change")}
      disabled={chosen === row.priority_in_force}
      pending={override.isPending}
      error={override.error}
      onClose={onClose}
      onConfirm={(reason) => {
        const priority = chosen === row.requested_priority ? null : chosen;
        const body = { priority, reason };
        override.mutate(
          { act: "priority", uid: row.study_instance_uid, body },
          { onSuccess: onClose },
        );
      }}
    >
      <About row={row} />
      <SegmentedControl
        fullWidth
        aria-label={t("override.priority")}
        value={chosen}
        onChange={setChosen}
        data={PRIORITIES.map((value) => ({ value, label: t(`priority.${value}`) }))}
      />
      <p className={classes.hint}>
        {t("override.requested", { priority: t(`priority.${row.requested_priority}`) })}
      </p>
    </ReasonDialog>
  );
}

/** First in the list whatever is due, or back to its own place. */
export function PinDialog({ row, onClose }: Props) {
  const { t } = useTranslation();
  const pin = useRowAct();
  return (
    <ReasonDialog
      title={t(row.pinned ? "override.unpin" : "override.pin")}
      confirm={t(row.pinned ? "override.unpin" : "override.pin")}
      pending={pin.isPending}
      error={pin.error}
      onClose={onClose}
      onConfirm={(reason) => {
        const body = { pinned: !row.pinned, reason };
        pin.mutate({ act: "pin", uid: row.study_instance_uid, body }, { onSuccess: onClose });
      }}
    >
      <About row={row} />
      <p className={classes.hint}>{t(row.pinned ? "override.unpin_hint" : "override.pin_hint")}</p>
    </ReasonDialog>
  );
}

function About({ row }: { row: Row }) {
  return (
    <p className={classes.about}>
      <bdi>{personName(row.patient_name)}</bdi> · {row.modalities.join(" ")} {row.study_description}
    </p>
  );
}
