import { Collapse, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";

import type { Detector, Evidence, Provenance, Region, Study } from "./api";
import { useNow } from "./clock";
import { byUrgency, DetectorChip } from "./DetectorChip";
import { byKind, extentOf, seriesName, sliceWords, suspicion } from "./evidence";
import { framesOf, markedFrames } from "./frames";
import { ModelCardDrawer } from "./ModelCardDrawer";
import classes from "./StudySide.module.css";
import {
  due,
  duration,
  fullTime,
  plural,
  PRIORITY_WORDS,
  probability,
  sentence,
  timeOfDay,
  timeToTheSecond,
} from "./words";

interface Props {
  study: Study;
  onShow: (seriesAt: number, frameAt: number) => void;
}

/** Beside the images: what AI came to, why the study stands where it stands, what happened. */
export function StudySide({ study, onShow }: Props) {
  const [card, setCard] = useState<string | null>(null);
  return (
    <aside className={classes.side}>
      <Order study={study} />
      <section>
        <h2>AI, not reviewed</h2>
        {byUrgency(study.row.detectors).map((detector) => (
          <Result
            key={detector.name}
            detector={detector}
            study={study}
            onShow={onShow}
            onCard={setCard}
          />
        ))}
      </section>
      <ModelCardDrawer
        name={card}
        onClose={() => {
          setCard(null);
        }}
      />
      <History study={study} />
    </aside>
  );
}

function Order({ study: { row } }: { study: Study }) {
  const now = useNow();
  const time = due(row.due_at, now);
  const won = Date.parse(row.due_without_ai_at) - Date.parse(row.due_at);
  const asked = row.requested_priority;
  return (
    <section>
      <h2>{row.place === null ? "Read" : `Place ${row.place}`}</h2>
      {row.reading_state === "read" && <p>Marked as read: it is off the list.</p>}
      <p className={classes.due} data-late={time.late} data-soon={time.soon}>
        Due {time.words.replace(/^due /, "")}
        <span title={fullTime(row.due_at)}>{timeOfDay(row.due_at, now)}</span>
      </p>
      <p className={classes.reason}>{row.reason}</p>
      <dl className={classes.facts}>
        <dt>Study</dt>
        <dd>
          {[row.modalities.join(" "), row.study_description].filter((x) => x !== "").join(" · ")}
        </dd>
        <dt>Requested</dt>
        <dd>
          {PRIORITY_WORDS[asked]}
          {asked !== row.priority_in_force && `, now ${PRIORITY_WORDS[row.priority_in_force]}`}
          {row.pinned && ", put first by a person"}
        </dd>
        <dt>Arrived</dt>
        <dd>
          {timeOfDay(row.received_at, now)}, {plural(row.instance_count, "image")}
          {row.arriving && ", still arriving"}
          {row.completeness === "incomplete" && ", assessed incomplete"}
          {row.conflicts > 0 && `, ${plural(row.conflicts, "conflict")}`}
        </dd>
        <dt>Without AI</dt>
        <dd>
          due {timeOfDay(row.due_without_ai_at, now)}
          {won >= 60_000 && `, ${duration(won)} later`}
        </dd>
      </dl>
    </section>
  );
}

interface ResultProps extends Props {
  detector: Detector;
  onCard: (name: string) => void;
}

function Result({ detector, study, onShow, onCard }: ResultProps) {
  const provenance = study.provenance.find((one) => one.detector === detector.name);
  const evidence = study.evidence.find((one) => one.detector === detector.name);
  return (
    <div className={classes.result}>
      <UnstyledButton
        className={classes.toCard}
        aria-label={`Model card of ${detector.name}`}
        onClick={() => {
          onCard(detector.name);
        }}
      >
        <DetectorChip detector={detector} />
        <span>
          {detector.name} {detector.version} <u>card</u>
        </span>
      </UnstyledButton>
      {detector.probability !== null && (
        <Gauge probability={detector.probability} point={detector.operating_point} />
      )}
      {detector.reason !== null && <p>{sentence(detector.reason)}</p>}
      {evidence !== undefined && <Kinds evidence={evidence} />}
      {evidence !== undefined && <Lesions evidence={evidence} study={study} onShow={onShow} />}
      <Places detector={detector} study={study} onShow={onShow} />
      {provenance !== undefined && <Basis provenance={provenance} study={study} />}
    </div>
  );
}

/** The probability on a line from 0 to 1, with the point from which people are told. */
function Gauge({ probability: p, point }: { probability: number; point: number | null }) {
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
        Probability {probability(p)}
        {point !== null && `, flagged from ${probability(point)}`}
      </span>
    </div>
  );
}

function Kinds({ evidence: { kinds } }: { evidence: Evidence }) {
  if (kinds.length === 0) return null;
  return (
    <p data-testid="kinds">
      Kind suspected: {kinds.map((one) => `${one.name} (${suspicion(one.score)})`).join(", ")}.
    </p>
  );
}

const LESIONS_SHOWN = 10;

function Lesions({ evidence, study, onShow }: { evidence: Evidence } & Props) {
  const [all, { toggle }] = useDisclosure(false);
  const { detector, lesions } = evidence;
  if (lesions.length === 0) return null;
  return (
    <ol className={classes.lesions} aria-label={`Lesions suspected by ${detector}`}>
      {(all ? lesions : lesions.slice(0, LESIONS_SHOWN)).map((lesion) => {
        const extent = extentOf(lesion, detector, study.series, study.regions);
        return (
          <li key={lesion.number}>
            <button
              type="button"
              disabled={extent === null}
              onClick={() => {
                if (extent !== null) onShow(extent.seriesAt, extent.surest);
              }}
            >
              <b>{lesion.number}</b>
              <span>
                {lesion.diameter_mm === null ? "size unknown" : `${lesion.diameter_mm.toFixed(1)} mm`}
              </span>
              <span>{extent === null ? "images not here" : sliceWords(extent)}</span>
              <span title={`score ${lesion.score.toFixed(2)}, not calibrated`}>
                {suspicion(lesion.score)}
              </span>
            </button>
          </li>
        );
      })}
      {lesions.length > LESIONS_SHOWN && (
        <li>
          <UnstyledButton className={classes.more} onClick={toggle} aria-expanded={all}>
            {all ? "Show fewer" : `Show all ${lesions.length}`}
          </UnstyledButton>
        </li>
      )}
    </ol>
  );
}

const PLACES_SHOWN = 12;

function Places({ detector, ...props }: { detector: Detector } & Props) {
  const regions = props.study.regions.filter(
    ({ detector: by, lesion }) => by === detector.name && lesion === null, // lesions have a list
  );
  return byKind(regions).map(([kind, ofKind]) => (
    <PlacesOfKind key={kind} kind={kind} regions={ofKind} {...props} />
  ));
}

function PlacesOfKind(
  { kind, regions, study, onShow }: { kind: string; regions: readonly Region[] } & Props,
) {
  const places = study.series.flatMap((series, seriesAt) =>
    markedFrames(framesOf(series), regions).map((frameAt) => ({ series, seriesAt, frameAt })),
  );
  return (
    <div className={classes.places}>
      {plural(regions.length, "place")} marked{kind !== "" && ` as ${kind}`}:
      {places.slice(0, PLACES_SHOWN).map(({ series, seriesAt, frameAt }) => (
        <button
          key={`${series.series_instance_uid} ${frameAt}`}
          type="button"
          onClick={() => {
            onShow(seriesAt, frameAt);
          }}
        >
          {framesOf(series).length > 1
            ? `slice ${frameAt + 1}`
            : series.description === ""
              ? `image ${seriesAt + 1}`
              : series.description}
        </button>
      ))}
      {places.length > PLACES_SHOWN && `and ${places.length - PLACES_SHOWN} more images`}
    </div>
  );
}

function Basis({ provenance, study }: { provenance: Provenance; study: Study }) {
  const [open, { toggle }] = useDisclosure(false);
  const now = useNow();
  const seconds = (Date.parse(provenance.finished_at) - Date.parse(provenance.started_at)) / 1000;
  const Chevron = open ? IconChevronDown : IconChevronRight;
  const notUsed = provenance.not_eligible;
  return (
    <>
      <UnstyledButton className={classes.more} onClick={toggle} aria-expanded={open}>
        <Chevron size={13} aria-hidden /> What this rests on
        {notUsed.length > 0 && `; ${plural(notUsed.length, "series", "series")} not fully used`}
      </UnstyledButton>
      <Collapse in={open}>
        <dl className={classes.facts}>
          <dt>Images</dt>
          <dd>{plural(provenance.instances.length, "image")} seen</dd>
          <dt>Weights</dt>
          <dd title={provenance.weights_sha256}>
            <code>{provenance.weights_sha256.slice(0, 16)}</code>
          </dd>
          <dt>Software</dt>
          <dd>Vigie {provenance.software_version}</dd>
          <dt>Time</dt>
          <dd>
            {timeToTheSecond(provenance.finished_at, now)}, {seconds.toFixed(1)} s
          </dd>
          {notUsed.map(([uid, why]) => (
            <div key={uid} className={classes.notUsed} title={uid}>
              <dt>Not used</dt>
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
  const now = useNow();
  return (
    <section>
      <h2>History</h2>
      <ol className={classes.history}>
        {study.events.toReversed().map((event) => (
          <li key={event.event_id}>
            <time dateTime={event.at} title={fullTime(event.at)}>
              {timeToTheSecond(event.at, now)}
            </time>
            <span>{event.words}</span>
            <small>{event.actor}</small>
          </li>
        ))}
      </ol>
    </section>
  );
}
