import { Button, Loader, NativeSelect, Table } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import accounts from "../accounts/Accounts.module.css";
import { useNow } from "../clock";
import type { LiveState } from "../live";
import { openList, studyHref } from "../route";
import { TopBar } from "../TopBar";
import { fullTime, sentence, timeToTheSecond } from "../words";
import classes from "./Deliveries.module.css";
import { DestinationCard } from "./DestinationCard";
import { Problems } from "./Problems";
import {
  type Delivery,
  type DeliveryState,
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
    <div className={accounts.page}>
      <TopBar live={live}>
        <Button
          variant="default"
          size="compact-md"
          leftSection={<IconArrowLeft size={16} />}
          onClick={openList}
        >
          {t("study.back")}
        </Button>
        <h1 className={accounts.title}>{t("deliveries.title")}</h1>
      </TopBar>
      <main className={accounts.body}>
        <Refusal error={destinations.error} />
        {destinations.isPending && <Loader mx="auto" mt="18vh" aria-label={t("deliveries.loading")} />}
        {destinations.data?.length === 0 && <p className={accounts.hint}>{t("deliveries.none_set")}</p>}
        <div className={classes.destinations}>
          {destinations.data?.map((one) => (
            <DestinationCard key={one.name} destination={one} />
          ))}
        </div>
        <Problems />
        <Choices names={names} wanted={wanted} onChoose={setWanted} />
        <Deliveries wanted={wanted} />
      </main>
    </div>
  );
}

function Refusal({ error }: { error: Error | null }) {
  const { t } = useTranslation();
  if (error === null) return null;
  return (
    <p className={accounts.refusal} role="alert">
      <IconAlertTriangle size={17} aria-hidden />
      {error instanceof TypeError ? t("app.no_answer") : sentence(error.message)}
    </p>
  );
}

interface ChoicesProps {
  names: readonly string[];
  wanted: Wanted;
  onChoose: (wanted: Wanted) => void;
}

function Choices({ names, wanted, onChoose }: ChoicesProps) {
  const { t } = useTranslation();
  const isState = (value: string): value is DeliveryState =>
    STATES.some((state) => state === value);
  return (
    <div className={classes.choices}>
      <NativeSelect
        size="xs"
        label={t("deliveries.column.state")}
        value={wanted.state ?? ""}
        data={[
          { value: "", label: t("deliveries.any") },
          ...STATES.map((state) => ({ value: state, label: t(`deliveries.state.${state}`) })),
        ]}
        onChange={({ currentTarget: { value } }) => {
          onChoose({ ...wanted, state: isState(value) ? value : null });
        }}
      />
      <NativeSelect
        size="xs"
        label={t("deliveries.column.destination")}
        value={wanted.destination ?? ""}
        data={[{ value: "", label: t("deliveries.any") }, ...names]}
        onChange={({ currentTarget: { value } }) => {
          onChoose({ ...wanted, destination: value === "" ? null : value });
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
        <p className={accounts.hint}>{t("deliveries.nothing")}</p>
      )}
      {listed.length > 0 && (
        <Table className={accounts.table} verticalSpacing={6} horizontalSpacing={12} stickyHeader>
          <Table.Thead>
            <Table.Tr>
              {COLUMNS.map((column) => (
                <Table.Th key={column}>{t(`deliveries.column.${column}`)}</Table.Th>
              ))}
              <Table.Th>
                <span className="only-heard">{t("accounts.column.acts")}</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {listed.map((one) => (
              <DeliveryRow key={one.delivery_id} delivery={one} />
            ))}
          </Table.Tbody>
        </Table>
      )}
      {pages.hasNextPage && (
        <Button
          className={classes.more}
          display="block"
          variant="default"
          loading={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
        >
          {t("deliveries.more")}
        </Button>
      )}
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
