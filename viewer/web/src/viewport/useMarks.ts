/** What is outlined on each frame: AI's regions, and what people drew. */

import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { Region, Study } from "../api";
import { regionLabel, suspicion } from "../evidence";
import { isOn } from "../frames";
import { findingWords } from "../reading/reading";
import { decimals } from "../words";
import type { PendingDrawing } from "./DrawnDialog";
import type { Mark } from "./Marks";
import type { FrameRef } from "./source";

/** The marks of a frame; none while they are hidden. */
export function useMarks(
  study: Study,
  isShown: boolean,
  pending: PendingDrawing | null,
): (frame: FrameRef) => readonly Mark[] {
  const { t } = useTranslation();
  const drawn = useMemo(
    () => (study.reading?.drawn ?? []).filter(({ withdrawn_at }) => withdrawn_at === null),
    [study.reading],
  );
  return useCallback(
    (frame) => {
      if (frame.studyInstanceUid !== study.row.study_instance_uid) return [];
      const asked = pending !== null && isSame(pending.frame, frame) ? [beingDrawn(pending)] : [];
      if (!isShown) return asked;
      const byAi = study.regions
        .filter((region) => isOn(region, { ...frame, rows: 0, columns: 0 }))
        .map((region, at) => markOf(region, at));
      const byPeople = drawn
        .filter(
          (one) =>
            one.sop_instance_uid === frame.sopInstanceUid && one.frame_number === frame.frameNumber,
        )
        .map((one): Mark => ({
          key: `drawn ${one.id}`,
          thing: `drawn ${one.id}`,
          by: "person",
          polygon: one.polygon,
          label: findingWords(study, one.target),
          sure: t("reading.drawn_by", { name: one.display_name }),
        }));
      return [...byAi, ...byPeople, ...asked];
    },
    [study, drawn, isShown, pending, t],
  );
}

function markOf(region: Region, at: number): Mark {
  const sure = `${suspicion(region.score)}, ${decimals(region.score, 2)}`;
  return {
    key: `${region.detector} ${at}`,
    thing: `${region.detector} ${region.kind} ${region.lesion ?? ""}`,
    by: "ai",
    polygon: region.polygon,
    label: regionLabel(region),
    sure: region.kind === "" ? sure : `${region.detector} · ${sure}`,
  };
}

function beingDrawn({ polygon }: PendingDrawing): Mark {
  return { key: "pending", thing: "pending", by: "person", polygon, label: "", sure: "" };
}

function isSame(a: FrameRef, b: FrameRef): boolean {
  return a.sopInstanceUid === b.sopInstanceUid && a.frameNumber === b.frameNumber;
}
