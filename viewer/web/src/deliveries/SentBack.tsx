import { Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { ReasonDialog } from "../list/ReasonDialog";
import { useSession } from "../session";
import classes from "./Deliveries.module.css";
import { sentOf, useDeliveriesOf, useDeliveryActs } from "./deliveries";

/** What went back of a study, in a line; administrators have it made anew or retracted. */
export function SentBack({ studyInstanceUid }: { studyInstanceUid: string }) {
  const { t } = useTranslation();
  const found = useDeliveriesOf(studyInstanceUid).data ?? [];
  const isAdministrator = useSession().data?.roles.includes("administrator") === true;
  if (found.length === 0) return null;
  const sent = sentOf(found);
  const line = sent.map(({ destination, states }) => {
    const counted = states.map(({ state, count }) =>
      t("deliveries.count", { count, state: t(`deliveries.state.${state}`) }),
    );
    return `${destination}: ${counted.join(", ")}`;
  });
  return (
    <section data-testid="sent-back">
      <h2>{t("deliveries.sent_back")}</h2>
      <p>{sent.length === 0 ? t("deliveries.counts_no_more") : line.join(" · ")}</p>
      {isAdministrator && <Acts uid={studyInstanceUid} counts={sent.length > 0} />}
    </section>
  );
}

function Acts({ uid, counts }: { uid: string; counts: boolean }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<"retract" | "makeAnew" | null>(null);
  const acts = useDeliveryActs();
  const close = () => {
    setAsked(null);
  };
  return (
    <div className={classes.buttons}>
      <Button
        size="compact-xs"
        variant="default"
        onClick={() => {
          setAsked("makeAnew");
        }}
      >
        {t("deliveries.make_anew")}
      </Button>
      {counts && (
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => {
            setAsked("retract");
          }}
        >
          {t("deliveries.retract")}
        </Button>
      )}
      {asked !== null && (
        <ReasonDialog
          title={t(asked === "retract" ? "deliveries.retract" : "deliveries.make_anew")}
          confirm={t(asked === "retract" ? "deliveries.retract_it" : "deliveries.make_it_anew")}
          danger={asked === "retract"}
          pending={acts[asked].isPending}
          error={acts[asked].error}
          onClose={close}
          onConfirm={(reason) => {
            acts[asked].mutate({ uid, reason }, { onSuccess: close });
          }}
        >
          <p>{t(asked === "retract" ? "deliveries.retract_hint" : "deliveries.make_anew_hint")}</p>
        </ReasonDialog>
      )}
    </div>
  );
}
