/** The series of the study in the active pane, and the earlier studies to compare with. */

import { Menu } from "@mantine/core";
import { IconChevronDown, IconHistory } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

import type { Series, Study } from "../api";
import { framesOf } from "../frames";
import { type Prior, type Priors, priorsWords } from "../reading/reading";
import { calendarDay } from "../words";
import { shownSeries } from "./panes";
import classes from "./SeriesStrip.module.css";

interface Props {
  study: Study; // in the active pane
  when: string; // the day of an earlier study; empty: the one being read
  open: string; // Series Instance UID in the active pane
  priors: Priors;
  onSeries: (at: number) => void;
  onPrior: (prior: Prior) => void;
}

export function SeriesStrip({ study, when, open, priors, onSeries, onPrior }: Props) {
  const { t } = useTranslation();
  const all = shownSeries(study);
  if (all.length < 2 && priors.studies.length === 0 && !priors.failed) return null;
  return (
    <div className={classes.strip}>
      {when !== "" && <b className={classes.when}>{when}</b>}
      <div className={classes.series} role="group" aria-label={t("study.series")}>
        {all.map(({ series, at }) => (
          <button
            key={series.series_instance_uid}
            type="button"
            aria-pressed={series.series_instance_uid === open}
            onClick={() => {
              onSeries(at);
            }}
          >
            <SeriesWords series={series} />
          </button>
        ))}
      </div>
      {priors.failed && (
        <span className={classes.failed} role="alert">
          {t("viewer.priors_failed")}
        </span>
      )}
      {priors.studies.length > 0 && (
        <Menu position="bottom-end" width={340}>
          <Menu.Target>
            <button type="button" className={classes.priors}>
              <IconHistory size={15} aria-hidden />
              {priorsWords(t, priors)}
              <IconChevronDown size={13} aria-hidden />
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            {priors.studies.map((prior) => (
              <Menu.Item
                key={prior.study_instance_uid}
                onClick={() => {
                  onPrior(prior);
                }}
              >
                <span className={classes.prior}>
                  <b>{priorDay(prior, t("viewer.no_date"))}</b>
                  <bdi>{[prior.modalities.join(" "), prior.study_description].join(" ")}</bdi>
                </span>
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </div>
  );
}

export function priorDay(prior: Prior, otherwise: string): string {
  return prior.study_date === null ? otherwise : calendarDay(prior.study_date);
}

function SeriesWords({ series }: { series: Series }) {
  const { t } = useTranslation();
  return (
    <>
      <b>{series.modality}</b>{" "}
      <bdi>{series.description === "" ? t("study.no_description") : series.description}</bdi>
      <span>{framesOf(series).length}</span>
    </>
  );
}
