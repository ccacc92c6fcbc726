import {
  IconAlertTriangle,
  IconClock,
  IconClockOff,
  IconFlag3Filled,
  IconFlagOff,
  IconLoader2,
  IconMinus,
  IconPlayerStop,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import { useTranslation } from "react-i18next";

import type { Detector, OutcomeState } from "./api";
import classes from "./DetectorChip.module.css";
import { Hint } from "./Hint";
import { flaggedWords, fullTime, probability, sentence, stateWords } from "./words";

const ICONS: Record<OutcomeState, ComponentType<{ size: number; className?: string | undefined }>> =
  {
    flagged: IconFlag3Filled,
    not_flagged: IconFlagOff,
    not_applicable: IconMinus,
    not_run_yet: IconClock,
    running: IconLoader2,
    failed: IconAlertTriangle,
    too_late: IconClockOff,
    stopped: IconPlayerStop,
  };

const URGENCY: OutcomeState[] = [
  "flagged",
  "failed",
  "running",
  "not_run_yet",
  "stopped",
  "too_late",
  "not_flagged",
  "not_applicable",
];

/** What matters to a reader first; detectors that do not look at such studies last. */
export function byUrgency(detectors: readonly Detector[]): Detector[] {
  return detectors.toSorted((a, b) => URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state));
}

/** All detectors on one study in two lines: those that look at it, and those that do not. */
export function DetectorChips({ detectors }: { detectors: readonly Detector[] }) {
  const { t } = useTranslation();
  const looking = byUrgency(detectors).filter(({ state }) => state !== "not_applicable");
  const others = detectors.filter(({ state }) => state === "not_applicable");
  return (
    <>
      {looking.length > 0 && (
        <span className={classes.line}>
          {looking.map((detector) => (
            <DetectorChip key={detector.name} detector={detector} />
          ))}
        </span>
      )}
      {others.length > 0 && (
        <span className={classes.others}>
          <IconMinus size={12} aria-hidden />
          {t("chip.not_applicable")}
          {others.map((detector) => (
            <Hint key={detector.name} label={<Details detector={detector} />}>
              <span data-state={detector.state} data-testid={`chip-${detector.name}`}>
                {detector.finding}
              </span>
            </Hint>
          ))}
        </span>
      )}
    </>
  );
}

/** One detector's state on one study: an icon and words, so that colour is never needed. */
export function DetectorChip({ detector }: { detector: Detector }) {
  useTranslation();
  const { finding, state } = detector;
  const Icon = ICONS[state];
  const said = chipWords(detector);
  return (
    <Hint label={<Details detector={detector} />}>
      <span className={classes.chip} data-state={state} data-testid={`chip-${detector.name}`}>
        <Icon size={13} className={classes.icon} />
        <span className={classes.finding}>{finding}</span>
        <span className={classes.state}>{said}</span>
      </span>
    </Hint>
  );
}

function chipWords(detector: Detector): string {
  const { state, probability: p, reason } = detector;
  if (state === "flagged" && p !== null) return flaggedWords(detector, p);
  // What was found on earlier images must not hide behind a tooltip.
  if ((state === "not_run_yet" || state === "running") && reason !== null) return reason;
  return stateWords(detector);
}

function Details({ detector }: { detector: Detector }) {
  const { t } = useTranslation();
  const { finding, state, reason, probability: p, operating_point: point } = detector;
  return (
    <>
      <strong>{t("chip.heading", { finding, state: stateWords(detector) })}</strong>
      {reason !== null && <div>{sentence(reason)}</div>}
      {p !== null && (
        <div>
          {point === null
            ? t("chip.probability", { probability: probability(p) })
            : t("chip.probability_point", {
                probability: probability(p),
                point: probability(point),
              })}
        </div>
      )}
      {state === "not_flagged" && <div>{t("chip.no_all_clear")}</div>}
      {detector.version !== null && (
        <div>
          {t("chip.version", { detector: `${detector.name} ${detector.version}` })}
        </div>
      )}
      {detector.assessed_at !== null && <div>{fullTime(detector.assessed_at)}</div>}
    </>
  );
}
