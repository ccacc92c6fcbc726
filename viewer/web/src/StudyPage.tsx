import { Button, Loader } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { ask, type Study, studyPath } from "./api";
import { useNow } from "./clock";
import { firstSeries, framesOf } from "./frames";
import { ImagePanel } from "./ImagePanel";
import type { LiveState } from "./live";
import { openList } from "./route";
import classes from "./StudyPage.module.css";
import { StudySide } from "./StudySide";
import { TopBar } from "./TopBar";
import { age, calendarDay, personName, sentence } from "./words";

interface Props {
  studyInstanceUid: string;
  live: LiveState;
}

export function StudyPage({ studyInstanceUid, live }: Props) {
  const { t } = useTranslation();
  useHotkeys([["Escape", openList]], []);
  const study = useQuery({
    queryKey: ["study", studyInstanceUid],
    queryFn: ({ signal }) => ask<Study>(studyPath(studyInstanceUid), signal),
  });

  return (
    <div className={classes.page}>
      <TopBar live={live}>
        <Button
          variant="default"
          size="compact-md"
          leftSection={<IconArrowLeft size={16} />}
          onClick={openList}
        >
          {t("study.back")}
        </Button>
        {study.data !== undefined && <Patient study={study.data} />}
      </TopBar>
      {study.isPending && <Loader className={classes.loader} aria-label={t("study.loading")} />}
      {study.data !== undefined ? (
        <OpenStudy study={study.data} />
      ) : (
        study.isError && (
          <p className={classes.refusal} role="alert">
            {t("study.cannot_be_shown")} {sentence(study.error.message)}
          </p>
        )
      )}
    </div>
  );
}

function Patient({ study: { row } }: { study: Study }) {
  const { t } = useTranslation();
  const now = useNow();
  const facts = [
    [row.patient_sex, age(row.patient_birth_date, now)].filter((fact) => fact !== "").join(", "),
    row.patient_birth_date === null ? "" : t("study.born", { day: calendarDay(row.patient_birth_date) }),
    row.patient_id === "" ? "" : t("study.patient_id", { id: row.patient_id }),
    row.accession_number === "" ? "" : t("study.accession", { number: row.accession_number }),
  ].filter((fact) => fact !== "");
  return (
    <div className={classes.patient}>
      <h1 className={classes.name}>
        <bdi>{personName(row.patient_name)}</bdi>
      </h1>
      <span className={classes.facts}>{facts.join("  ·  ")}</span>
    </div>
  );
}

function OpenStudy({ study }: { study: Study }) {
  const { t } = useTranslation();
  const [seriesAt, setSeriesAt] = useState(() => firstSeries(study.series, study.regions));
  const [jump, setJump] = useState<{ index: number } | null>(null);
  const series = study.series[seriesAt];
  const withFrames = study.series
    .map((one, index) => ({ one, index }))
    .filter(({ one }) => framesOf(one).length > 0);

  return (
    <div className={classes.columns}>
      <main className={classes.images}>
        {withFrames.length > 1 && (
          <div className={classes.series} role="group" aria-label={t("study.series")}>
            {withFrames.map(({ one, index }) => (
              <button
                key={one.series_instance_uid}
                type="button"
                aria-pressed={index === seriesAt}
                onClick={() => {
                  setSeriesAt(index);
                  setJump(null);
                }}
              >
                <b>{one.modality}</b>{" "}
                {one.description === "" ? t("study.no_description") : one.description}
                <span>{framesOf(one).length}</span>
              </button>
            ))}
          </div>
        )}
        {series === undefined || framesOf(series).length === 0 ? (
          <p className={classes.none}>{t("study.no_images")}</p>
        ) : (
          <ImagePanel
            key={series.series_instance_uid}
            studyInstanceUid={study.row.study_instance_uid}
            series={series}
            regions={study.regions}
            evidence={study.evidence}
            jump={jump}
          />
        )}
      </main>
      <StudySide
        study={study}
        onShow={(at, index) => {
          setSeriesAt(at);
          setJump({ index });
        }}
      />
    </div>
  );
}
