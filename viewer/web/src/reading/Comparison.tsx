/** Side by side: what this reader saw before the marks, and what AI said. */

import { useTranslation } from "react-i18next";

import type { Detector, Study } from "../api";
import { flaggedWords, probability, stateWords } from "../words";
import classes from "./Reading.module.css";
import { findingWords, myFirstLook, type Reading } from "./reading";

export function Comparison({ study, reading }: { study: Study; reading: Reading }) {
  const { t } = useTranslation();
  const first = myFirstLook(reading);
  const targets = Object.keys(first);
  if (targets.length === 0) return null;
  return (
    <table className={classes.comparison} data-testid="comparison">
      <thead>
        <tr>
          <th scope="col">
            <span className="only-heard">{t("reading.finding")}</span>
          </th>
          <th scope="col">{t("reading.first_look")}</th>
          <th scope="col">{t("reading.ai")}</th>
        </tr>
      </thead>
      <tbody>
        {targets.map((target) => {
          const answer = first[target];
          return (
            <tr key={target}>
              <th scope="row">{findingWords(study, target)}</th>
              <td>{answer !== undefined && t(`reading.answer.${answer}`)}</td>
              <td>
                {study.row.detectors
                  .filter((detector) => detector.target === target)
                  .map((detector) => (
                    <div key={detector.name}>{outcomeWords(detector)}</div>
                  ))}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function outcomeWords(detector: Detector): string {
  const { state, probability: p } = detector;
  if (state === "flagged" && p !== null) return flaggedWords(detector, p);
  return p === null ? stateWords(detector) : `${stateWords(detector)} ${probability(p)}`;
}
