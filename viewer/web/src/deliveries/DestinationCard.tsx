import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";

import { sentence } from "../words";
import classes from "./Deliveries.module.css";
import { type Destination, STATES, stuck, useDeliveryActs } from "./deliveries";

/** One destination: what it gets, how much is where, whether it answers. */
export function DestinationCard({ destination }: { destination: Destination }) {
  const { t } = useTranslation();
  const { name, counts, kind } = destination;
  const gets = destination.objects.map((one) => t(`deliveries.kind.${one}`)).join(", ");
  const shown = STATES.filter((state) => counts[state] > 0);
  return (
    <section className={classes.destination} aria-label={name} data-destination={name}>
      <h2>
        <bdi>{name}</bdi>
      </h2>
      <p className={classes.dim}>
        {kind === "" ? t("deliveries.set_no_more") : `${destination.address} · ${gets}`}
      </p>
      <p className={classes.counts}>
        {shown.length === 0 && t("deliveries.nothing")}
        {shown.map((state, place) => (
          <span key={state} data-state={state}>
            {place > 0 && " · "}
            {t("deliveries.count", { count: counts[state], state: t(`deliveries.state.${state}`) })}
          </span>
        ))}
      </p>
      {destination.held > 0 && <Held destination={destination} />}
      {kind !== "" && <Acts destination={destination} />}
    </section>
  );
}

/** What waits since the address changed: a person says that it may go there. */
function Held({ destination: { name, held, address } }: { destination: Destination }) {
  const { t } = useTranslation();
  const { release } = useDeliveryActs();
  return (
    <div className={classes.held} role="alert">
      <p>{t("deliveries.held", { count: held })}</p>
      <Button
        size="compact-sm"
        loading={release.isPending}
        onClick={() => {
          release.mutate(name);
        }}
      >
        {t("deliveries.release", { address })}
      </Button>
      {release.error !== null && <p>{sentence(release.error.message)}</p>}
    </div>
  );
}

function Acts({ destination: { name, counts } }: { destination: Destination }) {
  const { t } = useTranslation();
  const { resend, test } = useDeliveryActs();
  const error = test.error ?? resend.error;
  return (
    <>
      <div className={classes.buttons}>
        <Button
          size="compact-sm"
          variant="default"
          loading={test.isPending}
          aria-label={t("deliveries.test_of", { name })}
          onClick={() => {
            test.mutate(name);
          }}
        >
          {t("deliveries.test")}
        </Button>
        {stuck(counts) + counts.waiting > 0 && (
          <Button
            size="compact-sm"
            variant="default"
            loading={resend.isPending}
            aria-label={t("deliveries.resend_all_of", { name })}
            onClick={() => {
              resend.mutate({ destination: name });
            }}
          >
            {t("deliveries.resend_all")}
          </Button>
        )}
      </div>
      {test.data !== undefined && (
        <p className={classes.tested} role="status">
          {t(test.data.reachable ? "deliveries.answers" : "deliveries.answers_not")} {test.data.words}
        </p>
      )}
      {error !== null && (
        <p className={classes.tested} role="alert">
          {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
        </p>
      )}
    </>
  );
}
