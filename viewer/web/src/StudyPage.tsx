import { Button, Loader } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { ask, type Study, studyPath } from "./api";
import { useNow } from "./clock";
import { revealedPlace } from "./frames";
import { ClaimBar } from "./list/ClaimBar";
import { useClaims } from "./list/claims";
import type { LiveState } from "./live";
import { claimKeys } from "./reading/claimKeys";
import { useReadingActs } from "./reading/reading";
import { readingKeys } from "./reading/readingKeys";
import { openList } from "./route";
import { useSession } from "./session";
import classes from "./StudyPage.module.css";
import { StudySide } from "./StudySide";
import { TopBar } from "./TopBar";
import { type KeyAct, useKeys } from "./viewport/keys";
import type { ViewerHandle } from "./viewport/useGoing";
import { useWide } from "./viewport/useWide";
import { age, calendarDay, personName, sentence } from "./words";

/** Fetched only when a study is opened: the list needs none of it. */
const viewerScript = () => import("./viewport/Viewer");
const Viewer = lazy(viewerScript);

interface Props {
  studyInstanceUid: string;
  live: LiveState;
}

export function StudyPage({ studyInstanceUid, live }: Props) {
  const { t } = useTranslation();
  const { wide, toggle } = useWide();
  // Beside the question for the study, not after its answer; if it fails, opening says so.
  useEffect(() => {
    viewerScript().catch(() => undefined);
  }, []);
  const study = useQuery({
    queryKey: ["study", studyInstanceUid],
    queryFn: ({ signal }) => ask<Study>(studyPath(studyInstanceUid), signal),
  });

  return (
    <div className={classes.page} data-wide={wide}>
      <TopBar live={live}>
        <Button
          variant="default"
          size="compact-md"
          leftSection={<IconArrowLeft size={16} />}
          onClick={openList}
        >
          {t("study.back")}
        </Button>
        {study.data !== undefined && !wide && <Patient study={study.data} />}
      </TopBar>
      {study.data !== undefined && wide && (
        <div className={classes.whose}>
          <Patient study={study.data} />
        </div>
      )}
      {study.data !== undefined && study.isError && (
        <p className={classes.stale} role="alert">
          {t("study.not_refreshed")} {sentence(study.error.message)}
        </p>
      )}
      {study.data !== undefined && <ClaimBar row={study.data.row} />}
      {study.isPending && <Loader className={classes.loader} aria-label={t("study.loading")} />}
      {study.data !== undefined ? (
        <OpenStudy study={study.data} wide={wide} onWide={toggle} />
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

function OpenStudy({ study, wide, onWide }: { study: Study; wide: boolean; onWide: () => void }) {
  const { t } = useTranslation();
  const viewer = useRef<ViewerHandle>(null);
  const acts = useReadingActs(study.row.study_instance_uid);
  const isReader = useSession().data?.roles.includes("radiologist") === true;
  const back: KeyAct = {
    keys: ["Escape"],
    shown: t("viewer.escape_key"),
    words: t("viewer.back_to_list"),
    group: t("viewer.group.layout"),
    run: openList,
  };
  const claiming = claimKeys(t, study.row, useClaims());
  useKeys([...claiming, back]);
  return (
    <div className={classes.columns}>
      <main className={classes.images}>
        <Suspense fallback={<Loader className={classes.loader} aria-label={t("study.loading")} />}>
          <Viewer
            study={study}
            ref={viewer}
            canDraw={isReader && study.reading !== undefined}
            wide={wide}
            moreKeys={[...claiming, ...readingKeys(t), back]}
            onWide={onWide}
            onDrawn={({ frame, polygon }, target) => {
              acts.draw.mutate({
                target,
                sop_instance_uid: frame.sopInstanceUid,
                frame_number: frame.frameNumber,
                polygon,
              });
            }}
          />
        </Suspense>
      </main>
      <StudySide
        study={study}
        acts={acts}
        onShow={(seriesAt, index) => {
          viewer.current?.go({ seriesAt, index });
        }}
        onRevealed={(revealed) => {
          const place = revealedPlace(study, revealed);
          if (place !== null) viewer.current?.go(place);
        }}
      />
    </div>
  );
}
