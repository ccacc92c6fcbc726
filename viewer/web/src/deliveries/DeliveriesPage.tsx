import { Button, Table } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { AdminPage, Answered, Refusal } from "../admin/AdminPage";
import { AdminTable, Choice, Older } from "../admin/AdminTable";
import { useNow } from "../clock";
import type { LiveState } from "../live";
import { studyHref } from "../route";
import { fullTime, sentence, timeToTheSecond } from "../words";
import classes from "./Deliveries.module.css";
import { DestinationCard } from "./DestinationCard";
import { Problems } from "./Problems";
import {
  type Delivery,
  STATES,
  useDeliveries,
  useDeliveryActs,
  useDestinations,
  type Wanted,
} from "./deliveries";

/** For administrators: what goes back, where it stands, and what can be done about it. */
export function DeliveriesPage({ live }: { live: LiveState }) {
  const { t } = useTranslation();
  const destinations = useDestinations();
  const [wanted, setWanted] = useState<Wanted>({ state: null, destination: null });
  const names = destinations.data?.map(({ name }) => name) ?? [];
  return (
    <AdminPage live={live} title={t("deliveries.title")}>
      <Answered asked={destinations} loading={t("deliveries.loading")}>
        {(all) => (
          <>
            {all.length === 0 && <p className={classes.hint}>{t("deliveries.none_set")}</p>}
            <div className={classes.destinations}>
              {all.map((one) => (
                <DestinationCard key={one.name} destination={one} />
              ))}
            </div>
          </>
        )}
      </Answered>
      <Problems />
      <Choices names={names} wanted={wanted} onChoose={setWanted} />
      <Deliveries wanted={wanted} />
    </AdminPage>
  );
}

interface ChoicesProps {
  names: readonly string[];
  wanted: Wanted;
  onChoose: (wanted: Wanted) => void;
}

function Choices({ names, wanted, onChoose }: ChoicesProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.choices}>
      <Choice
        name={t("deliveries.column.state")}
        isNameShown
        any={t("deliveries.any")}
        values={STATES}
        wordsOf={(one) => t(`deliveries.state.${one}`)}
        chosen={wanted.state}
        onChoose={(state) => {
          onChoose({ ...wanted, state });
        }}
      />
      <Choice
        name={t("deliveries.column.destination")}
        isNameShown
        any={t("deliveries.any")}
        values={names}
        wordsOf={(one) => one}
        chosen={wanted.destination}
        onChoose={(destination) => {
          onChoose({ ...wanted, destination });
        }}
      />
    </div>
  );
}

const COLUMNS = ["made", "study", "kind", "destination", "state", "tries", "words"] as const;

function Deliveries({ wanted }: { wanted: Wanted }) {
  const { t } = useTranslation();
  const pages = useDeliveries(wanted);
  const listed = pages.data?.pages.flatMap((page) => page.deliveries) ?? [];
  return (
    <>
      <Refusal error={pages.error} />
      {pages.isSuccess && listed.length === 0 && (
        <p className={classes.hint}>{t("deliveries.nothing")}</p>
      )}
      {listed.length > 0 && (
        <AdminTable
          columns={COLUMNS.map((column) => t(`deliveries.column.${column}`))}
          acts={t("accounts.column.acts")}
        >
          {listed.map((one) => (
            <DeliveryRow key={one.delivery_id} delivery={one} />
          ))}
        </AdminTable>
      )}
      <Older pages={pages}>{t("deliveries.more")}</Older>
    </>
  );
}

function DeliveryRow({ delivery }: { delivery: Delivery }) {
  const { t } = useTranslation();
  const { resend } = useDeliveryActs();
  const now = useNow();
  const next = delivery.next_try_at;
  return (
    <Table.Tr data-delivery={delivery.delivery_id}>
      <Table.Td title={fullTime(delivery.made_at)}>{timeToTheSecond(delivery.made_at, now)}</Table.Td>
      <Table.Td>
        <a href={studyHref(delivery.study_instance_uid)} title={delivery.study_instance_uid}>
          {delivery.study_instance_uid.slice(-12)}
        </a>
      </Table.Td>
      <Table.Td title={delivery.sop_instance_uid}>{t(`deliveries.kind.${delivery.kind}`)}</Table.Td>
      <Table.Td>
        <bdi>{delivery.destination}</bdi>
      </Table.Td>
      <Table.Td>
        <span className={classes.state} data-state={delivery.state}>
          {t(`deliveries.state.${delivery.state}`)}
        </span>
        {next !== null && Date.parse(next) > now && (
          <span> {t("deliveries.next_try", { time: timeToTheSecond(next, now) })}</span>
        )}
      </Table.Td>
      <Table.Td>{delivery.tries}</Table.Td>
      <Table.Td className={classes.words}>
        {resend.error === null ? delivery.words : sentence(resend.error.message)}
      </Table.Td>
      <Table.Td>
        {delivery.state !== "withdrawn" && (
          <Button
            size="compact-xs"
            variant="default"
            loading={resend.isPending}
            aria-label={t("deliveries.resend_of", {
              kind: t(`deliveries.kind.${delivery.kind}`),
              name: delivery.destination,
            })}
            onClick={() => {
              resend.mutate({ delivery_ids: [delivery.delivery_id] });
            }}
          >
            {t("deliveries.resend")}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
