/** The panes: what stands in each, which one has the keys, and where to go. */

import { useCallback, useState } from "react";

import type { Study } from "../api";
import { firstFrame, firstSeries, framesOf } from "../frames";
import { useOtherStudy } from "../reading/reading";
import type { Stop } from "./findings";
import { bestMatch, contentOf, type Layout, type PaneContent } from "./panes";
import type { StackView } from "./stackView";

export type Side = 0 | 1;

export function usePanes(study: Study) {
  const [layout, setLayout] = useState<Layout>("one");
  const [active, setActive] = useState<Side>(0);
  const [first, setFirst] = useState<PaneContent | null>(() => begin(study));
  const [second, setSecond] = useState<PaneContent | null>(null);
  const views = useViews();
  const { study_instance_uid: uid } = study.row;
  const otherUid = second === null || second.studyInstanceUid === uid ? null : second.studyInstanceUid;
  const [priorUid, setPriorUid] = useState<string | null>(null);
  const other = useOtherStudy(priorUid ?? otherUid);

  const showFirst = useCallback(
    ({ seriesAt, index }: Stop) => {
      const content = contentOf(study, seriesAt, index);
      if (content === null) return;
      setActive(0);
      setLayout((before) => (before === "mpr" ? "one" : before));
      if (content.seriesInstanceUid === first?.seriesInstanceUid && layout !== "mpr") views.first?.show(index);
      else setFirst(content);
    },
    [study, first, layout, views.first],
  );
  // The study began without pictures; they have come.
  if (first === null && study.series.some((one) => framesOf(one).length > 0)) setFirst(begin(study));

  // A prior was asked for, and is here: its best series stands beside.
  if (priorUid !== null && other !== undefined && other.row.study_instance_uid === priorUid) {
    const series = study.series.find((one) => one.series_instance_uid === first?.seriesInstanceUid);
    const at = series === undefined ? null : bestMatch(series, other.series);
    setSecond(at === null ? null : contentOf(other, at, middleOf(other, at)));
    setPriorUid(null);
    setActive(1);
  }

  const compare = () => {
    if (layout === "two") {
      setLayout("one");
      setActive(0);
      return;
    }
    if (second === null) {
      const here = study.series.findIndex((one) => one.series_instance_uid === first?.seriesInstanceUid);
      const next = study.series.findIndex((one, at) => at !== here && framesOf(one).length > 0);
      setSecond(contentOf(study, next < 0 ? here : next, middleOf(study, next < 0 ? here : next)));
    }
    setLayout("two");
  };
  const openPrior = (wanted: string) => {
    setPriorUid(wanted);
    setLayout("two");
  };
  const openSeries = (inStudy: Study, at: number) => {
    const content = contentOf(inStudy, at, inStudy === study ? startOf(study, at) : middleOf(inStudy, at));
    if (layout === "two" && active === 1) setSecond(content);
    else setFirst(content);
    // Whether the other series can be cut in planes is not known yet.
    setLayout((before) => (before === "mpr" ? "one" : before));
  };
  return {
    layout, setLayout, active, setActive, first, second, other, views, compare, openPrior, openSeries, showFirst,
  };
}

export type Panes = ReturnType<typeof usePanes>;

function useViews() {
  const [first, setFirst] = useState<StackView | null>(null);
  const [second, setSecond] = useState<StackView | null>(null);
  return { first, second, setFirst, setSecond };
}

function begin(study: Study): PaneContent | null {
  const at = firstSeries(study.series, study.regions);
  return contentOf(study, at, startOf(study, at));
}

function startOf(study: Study, at: number): number {
  const series = study.series[at];
  return series === undefined ? 0 : Math.max(0, firstFrame(framesOf(series), study.regions));
}

function middleOf(study: Study, at: number): number {
  const series = study.series[at];
  return series === undefined ? 0 : Math.max(0, Math.floor((framesOf(series).length - 1) / 2));
}
