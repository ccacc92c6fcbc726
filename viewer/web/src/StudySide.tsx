import { Collapse, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import type { Detector, Evidence, OutcomeState, Provenance, Study } from "./api";
import { useNow } from "./clock";
import { SentBack } from "./deliveries/SentBack";
import { byUrgency, DetectorChip } from "./DetectorChip";
import { seriesName, suspicion, turnedWords } from "./evidence";
import { t as say } from "./language";
import { Lesions, Places } from "./MarkList";
import { ModelCardDrawer } from "./ModelCardDrawer";
import { AgreeWhole } from "./reading/Agree";
import { DrawnFindings } from "./reading/DrawnFindings";
import { type ReadingActs, withheldResults } from "./reading/reading";
import { ReadingPanel } from "./reading/ReadingPanel";
import { Reports } from "./reading/Reports";
import { momentAfter } from "./record/record";
import { recordHref } from "./route";
import { useRoles } from "./session";
import classes from "./StudySide.module.css";
import {
  decimals,
  due,
  duration,
  fullTime,
  probability,
  sentence,
  timeOfDay,
  timeToTheSecond,
} from "./words";

interface Props {
  study: Study;
  acts: ReadingActs;
  onShow: (seriesAt: number, frameAt: number) => void;
}

interface SideProps extends Props {
  onRevealed: (study: Study) => void; // what was withheld is shown, by this person's first look
}

/** Beside the images: what AI came to, why the study stands where it stands, what happened. */
export function StudySide({ study, acts, onShow, onRevealed }: SideProps) {
  const { t } = useTranslation();
  const [card, setCard] = useState<string | null>(null);
  return (
    <aside className={classes.side}>
      {study.reading !== undefined && (
        <ReadingPanel study={study} reading={study.reading} acts={acts} onRevealed={onRevealed} />
      )}
      <section>
        <h2>{t("result.heading")}</h2>
        {byUrgency(study.row.detectors).map((detector) => (
          <Result
            key={detector.name}
            detector={detector}
            study={study}
            acts={acts}
            onShow={onShow}
            onCard={setCard}
          />
        ))}
      </section>
      {study.reading !== undefined && (
        <DrawnFindings study={study} reading={study.reading} acts={acts} onShow={onShow} />
      )}
      <Order study={study} />
      <Reports study={study} />
      <ModelCardDrawer
        name={card}
        onClose={() => {
          setCard(null);
        }}
      />
      <SentBack studyInstanceUid={study.row.study_instance_uid} />
      <History study={study} />
    </aside>
  );
}

function Order({ study: { row } }: { study: Study }) {
  const { t } = useTranslation();
  const now = useNow();
  const time = due(row.due_at, now);
  const won = Date.parse(row.due_without_ai_at) - Date.parse(row.due_at);
  const asked = row.requested_priority;
  return (
    <section>
      <h2>{row.place === null ? t("order.read") : t("order.place", { place: row.place })}</h2>
      {row.reading_state === "read" && <p>{t("order.off_the_list")}</p>}
      {row.reading_state !== "read" && (
        <p className={classes.due} data-late={time.late} data-soon={time.soon}>
          {time.sentence}
          <span title={fullTime(row.due_at)}>{timeOfDay(row.due_at, now)}</span>
        </p>
      )}
      <p className={classes.reason}>{row.reason}</p>
      <dl className={classes.facts}>
        <dt>{t("order.study")}</dt>
        <dd>
          {[row.modalities.join(" "), row.study_description].filter((x) => x !== "").join(" · ")}
        </dd>
        <dt>{t("order.requested")}</dt>
        <dd>
          {[
            t(`priority.${asked}`),
            asked !== row.priority_in_force &&
              t("row.priority_now", { priority: t(`priority.${row.priority_in_force}`) }),
            row.pinned && t("row.pinned"),
          ]
            .filter(Boolean)
            .join(", ")}
        </dd>
        <dt>{t("order.arrived")}</dt>
        <dd>
          {[
            timeOfDay(row.received_at, now),
            t("row.images", { count: row.instance_count }),
            row.arriving && t("order.still_arriving"),
            row.completeness === "incomplete" && t("order.assessed_incomplete"),
            row.conflicts > 0 && t("row.conflicts", { count: row.conflicts }),
          ]
            .filter(Boolean)
            .join(", ")}
        </dd>
        <dt>{t("order.without_ai")}</dt>
        <dd>
          {t("order.due_at", { at: timeOfDay(row.due_without_ai_at, now) })}
          {won >= 60_000 && `, ${t("order.later", { duration: duration(won) })}`}
        </dd>
      </dl>
    </section>
  );
}

interface ResultProps extends Props {
  detector: Detector;
  onCard: (name: string) => void;
}

function Result({ detector, study, acts, onShow, onCard }: ResultProps) {
  const { t } = useTranslation();
  const isWithheld = withheldResults(study).includes(detector.name);
  const provenance = study.provenance.find((one) => one.detector === detector.name);
  const evidence = study.evidence.find((one) => one.detector === detector.name);
  return (
    <div className={classes.result}>
      <UnstyledButton
        className={classes.toCard}
        aria-label={t("result.card_of", { detector: detector.name })}
        onClick={() => {
          onCard(detector.name);
        }}
      >
        <DetectorChip detector={detector} />
        <span>
          {detector.name} {detector.version} <u>{t("result.card")}</u>
        </span>
      </UnstyledButton>
      {detector.probability !== null && (
        <Gauge probability={detector.probability} point={detector.operating_point} />
      )}
      {isWithheld && <p data-testid="withheld">{withheldWords(study, detector.name)}</p>}
      {detector.reason !== null && <p>{sentence(detector.reason)}</p>}
      {evidence !== undefined && <Kinds evidence={evidence} />}
      {evidence !== undefined && <Turned evidence={evidence} />}
      {evidence !== undefined && <Lesions evidence={evidence} study={study} acts={acts} onShow={onShow} />}
      <Places detector={detector} study={study} acts={acts} onShow={onShow} />
      {!isWithheld && OUTCOMES.includes(detector.state) && (
        <AgreeWhole detector={detector} study={study} acts={acts} />
      )}
      {provenance !== undefined && <Basis provenance={provenance} study={study} />}
    </div>
  );
}

const OUTCOMES: readonly OutcomeState[] = ["flagged", "not_flagged"];

/** Why nothing but the state is said of a detector. */
function withheldWords(study: Study, detector: string): string {
  return study.reading?.modes[detector] === "triage_only"
    ? say("reading.triage_only")
    : say("reading.withheld");
}

/** The probability on a line from 0 to 1, with the point from which people are told. */
function Gauge({ probability: p, point }: { probability: number; point: number | null }) {
  const { t } = useTranslation();
  return (
    <div className={classes.gauge}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden>
        <rect x="0" y="1.5" width="100" height="3" className={classes.gaugeAll} />
        <rect x="0" y="1.5" width={p * 100} height="3" className={classes.gaugePart} />
        {point !== null && (
          <rect x={point * 100 - 0.25} y="0" width="0.5" height="6" className={classes.gaugePoint} />
        )}
      </svg>
      <span>
        {point === null
          ? t("result.probability", { probability: probability(p) })
          : t("result.probability_point", {
              probability: probability(p),
              point: probability(point),
            })}
      </span>
    </div>
  );
}

function Kinds({ evidence: { kinds } }: { evidence: Evidence }) {
  const { t } = useTranslation();
  if (kinds.length === 0) return null;
  return (
    <p data-testid="kinds">
      {t("result.kinds", {
        kinds: kinds.map((one) => `${one.name} (${suspicion(one.score)})`).join(", "),
      })}
    </p>
  );
}

function Turned({ evidence }: { evidence: Evidence }) {
  useTranslation(); // said anew in another language
  const words = turnedWords(evidence);
  return words === "" ? null : <p data-testid="turned">{words}</p>;
}

function Basis({ provenance, study }: { provenance: Provenance; study: Study }) {
  const { t } = useTranslation();
  const [open, { toggle }] = useDisclosure(false);
  const now = useNow();
  const seconds = (Date.parse(provenance.finished_at) - Date.parse(provenance.started_at)) / 1000;
  const Chevron = open ? IconChevronDown : IconChevronRight;
  const notUsed = provenance.not_eligible;
  return (
    <>
      <UnstyledButton className={classes.more} onClick={toggle} aria-expanded={open}>
        <Chevron size={13} aria-hidden />{" "}
        {notUsed.length === 0
          ? t("result.rests_on")
          : t("result.rests_on_part", { count: notUsed.length })}
      </UnstyledButton>
      <Collapse in={open}>
        <dl className={classes.facts}>
          <dt>{t("result.images")}</dt>
          <dd>{t("result.images_seen", { count: provenance.instances.length })}</dd>
          <dt>{t("result.weights")}</dt>
          <dd title={provenance.weights_sha256}>
            <code>{provenance.weights_sha256.slice(0, 16)}</code>
          </dd>
          <dt>{t("result.software")}</dt>
          <dd>{t("result.software_version", { version: provenance.software_version })}</dd>
          <dt>{t("result.time")}</dt>
          <dd>
            {t("result.took", {
              at: timeToTheSecond(provenance.finished_at, now),
              seconds: decimals(seconds, 1),
            })}
          </dd>
          {notUsed.map(([uid, why]) => (
            <div key={uid} className={classes.notUsed} title={uid}>
              <dt>{t("result.not_used")}</dt>
              <dd>
                <b>{seriesName(uid, study.series)}</b>: {why}
              </dd>
            </div>
          ))}
        </dl>
      </Collapse>
    </>
  );
}

function History({ study }: { study: Study }) {
  const { t } = useTranslation();
  const now = useNow();
  const asks = useRoles().includes("administrator");
  const uid = study.row.study_instance_uid;
  return (
    <section>
      <h2>{t("history.heading")}</h2>
      <ol className={classes.history}>
        {study.events.toReversed().map((event) => (
          <li key={event.event_id}>
            <time dateTime={event.at} title={fullTime(event.at)}>
              {timeToTheSecond(event.at, now)}
            </time>
            <span>{event.words}</span>
            <small>{event.actor}</small>
            {asks && (
              <a href={recordHref(uid, momentAfter(event.at))} aria-label={t("record.link_of", { words: event.words })}>
                {t("record.link")}
              </a>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
