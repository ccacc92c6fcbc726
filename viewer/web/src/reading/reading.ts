/** What a reader says of a study, and what others said (`viewer/reading_api.py`). */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { TFunction } from "i18next";

import { ask, change, type OutcomeState, type Study, studyPath } from "../api";
import { t as say } from "../language";
import { givenBackByHand, keep } from "../list/byItself";
import { tell } from "../notices";
import { useSession } from "../session";
import { sentence } from "../words";

export const ANSWERS = ["present", "absent", "cannot_say"] as const;
export type Answer = (typeof ANSWERS)[number];

/** By target finding. */
export type Answers = Readonly<Record<string, Answer>>;

export type HighlightingMode = "at_once" | "after_first_look" | "triage_only";

interface Said {
  by: string;
  display_name: string;
  at: string;
  mine: boolean;
}

export interface Conclusion extends Said {
  answers: Answers;
  reading_s: number | null;
}

/** What of a detector's result is meant: a lesion, a region that is of none, or, both null, all of it. */
export interface About {
  lesion: number | null;
  region: number | null;
}

export const WHOLE: About = { lesion: null, region: null };

export interface Agreement extends Said, About {
  detector: string;
  agrees: boolean;
  comment: string | null;
}

export interface DrawnFinding extends Said {
  id: number;
  target: string;
  sop_instance_uid: string;
  frame_number: number;
  polygon: [number, number][];
  withdrawn_at: string | null;
}

export interface Reading {
  targets: string[]; // to be answered when concluding
  open_targets: string[]; // may be answered
  modes: Record<string, HighlightingMode>; // by detector
  revealed: Record<string, boolean>;
  first_look: (Said & { answers: Answers })[];
  conclusions: Conclusion[]; // newest last
  agreements: Agreement[];
  drawn: DrawnFinding[];
  reading_s: number | null;
  assessment_number: number;
  report_address: string | null;
  viewer_links: { name: string; address: string }[];
}

export interface Prior {
  study_instance_uid: string;
  study_date: string | null;
  modalities: string[];
  study_description: string;
  body_part: string;
  instance_count: number;
}

export interface Drawing {
  target: string;
  sop_instance_uid: string;
  frame_number: number;
  polygon: readonly (readonly [number, number])[];
}

interface Concluding {
  answers: Answers;
  readingS: number;
  instanceCount: number;
  isFree: boolean; // nobody has the study in hand
}

/** My own first look, the latest answer for each target. */
export function myFirstLook(reading: Reading): Answers {
  return Object.assign({}, ...reading.first_look.filter(({ mine }) => mine).map(({ answers }) => answers)) as Answers;
}

/**
 * The answers that a conclusion begins with, of this person alone: the first look or, to amend it,
 * the conclusion. A study that was reopened is answered anew.
 */
export function openingAnswers(reading: Reading, isRead: boolean): Answers {
  const last = reading.conclusions.at(-1);
  if (last === undefined) return myFirstLook(reading);
  return isRead && last.mine ? last.answers : {};
}

/** How many images came that the reader has not seen. */
export function imagesCame(seen: number, now: number): number {
  return Math.max(0, now - seen);
}

/** Without a result there is nothing to withhold, nor to look at first. */
const WITHOUT_RESULT: readonly OutcomeState[] = ["not_applicable", "failed", "not_run_yet", "running"];

/** The detectors that have a result whose marks this person may not see, or not yet. */
export function withheldResults(study: Study): string[] {
  return study.row.detectors
    .filter(({ state }) => !WITHOUT_RESULT.includes(state))
    .map(({ name }) => name)
    .filter((name) => study.withheld?.includes(name));
}

/** Those whose marks wait for a first look of this person. */
export function awaitingFirstLook(study: Study): string[] {
  return withheldResults(study).filter(
    (detector) => study.reading?.modes[detector] === "after_first_look",
  );
}

/** What a first look must answer: the targets of the detectors that wait for it. */
export function firstLookTargets(study: Study): string[] {
  const awaiting = awaitingFirstLook(study);
  return [
    ...new Set(
      study.row.detectors.filter(({ name }) => awaiting.includes(name)).map(({ target }) => target),
    ),
  ];
}

/** The target that a key answers next: the first unanswered; null: all are. */
export function nextUnanswered(targets: readonly string[], answers: Answers): string | null {
  return targets.find((target) => answers[target] === undefined) ?? null;
}

/** A target in words, as its detectors say it. */
export function findingWords(study: Study, target: string): string {
  return (
    study.row.detectors.find((detector) => detector.target === target)?.finding ??
    target.replaceAll("_", " ")
  );
}

function isAbout(one: Agreement, detector: string, { lesion, region }: About): boolean {
  return one.detector === detector && one.lesion === lesion && one.region === region;
}

/** What this person last said of a result, or of a part of it; null: nothing. */
export function myAgreement(reading: Reading, detector: string, about: About): Agreement | null {
  return reading.agreements.findLast((one) => one.mine && isAbout(one, detector, about)) ?? null;
}

/** What each of the others last said of it. */
export function othersAgreements(reading: Reading, detector: string, about: About): Agreement[] {
  const latest = new Map<string, Agreement>();
  for (const one of reading.agreements) {
    if (!one.mine && isAbout(one, detector, about)) latest.set(one.by, one);
  }
  return [...latest.values()];
}

/** Everything a reader can do to a study; the answers replace what the page shows. */
export function useReadingActs(studyInstanceUid: string) {
  const client = useQueryClient();
  const token = useSession().data?.csrf_token ?? null;
  const path = studyPath(studyInstanceUid);
  const settle = (study: Study) => {
    client.setQueryData(["study", studyInstanceUid], study);
  };
  // Who says something of a study reads it: it is not given back when she leaves.
  const onMutate = () => {
    keep(studyInstanceUid);
  };
  // Where the act has no form of its own to say so.
  const refused = (error: Error) => {
    tell(error instanceof TypeError ? say("app.no_answer") : sentence(error.message));
  };
  const post = (what: string, body: unknown) => change<Study>("POST", `${path}/${what}`, token, body);
  return {
    firstLook: useMutation({
      onMutate,
      mutationFn: (said: { answers: Answers; assessmentNumber: number }) =>
        post("first-look", { answers: said.answers, assessment_number: said.assessmentNumber }),
      onSuccess: settle,
    }),
    conclude: useMutation({
      onMutate,
      mutationFn: async (said: Concluding) => {
        // Who concludes reads: a free study is claimed by the act, so that nobody begins meanwhile.
        if (said.isFree) await post("claim", { take_over: false });
        return post("conclusion", {
          answers: said.answers,
          reading_s: said.readingS,
          instance_count: said.instanceCount, // images that came meanwhile must be looked at first
        });
      },
      onSuccess: (study) => {
        givenBackByHand(studyInstanceUid); // it is read: the claim is over
        settle(study);
      },
    }),
    reopen: useMutation({
      mutationFn: (reason: string) => post("reopen", { reason }),
      onSuccess: settle,
    }),
    agree: useMutation({
      onMutate,
      mutationFn: (said: About & { detector: string; agrees: boolean; comment: string | null }) =>
        post("agreements", said),
      onSuccess: settle,
      onError: refused,
    }),
    draw: useMutation({
      onMutate,
      mutationFn: (drawing: Drawing) => post("drawn", drawing),
      onSuccess: settle,
    }),
    withdraw: useMutation({
      onMutate,
      mutationFn: (id: number) => change<Study>("DELETE", `${path}/drawn/${id}`, token),
      onSuccess: settle,
      onError: refused,
    }),
  };
}

export type ReadingActs = ReturnType<typeof useReadingActs>;

/** Earlier studies of the same patient, newest first. */
export interface Priors {
  studies: readonly Prior[];
  limited: boolean; // there are older ones that are left out
  failed: boolean; // it is not known whether there are any
}

export function usePriors(studyInstanceUid: string, isReady: boolean): Priors {
  const priors = useQuery({
    queryKey: ["priors", studyInstanceUid],
    queryFn: ({ signal }) =>
      ask<Omit<Priors, "failed">>(`${studyPath(studyInstanceUid)}/priors`, signal),
    staleTime: 60_000,
    enabled: isReady,
  });
  const { studies, limited } = priors.data ?? { studies: [], limited: false };
  return { studies, limited, failed: priors.isError };
}

/** How many earlier studies the menu holds, and whether those are all. */
export function priorsWords(t: TFunction, { studies, limited }: Omit<Priors, "failed">): string {
  if (limited) return t("viewer.priors_newest", { number: studies.length });
  return t("viewer.priors", { count: studies.length });
}

/** Another study, to look at beside: without marks, so that nothing is revealed by it. */
export function useOtherStudy(studyInstanceUid: string | null): Study | undefined {
  return useQuery({
    queryKey: ["study-beside", studyInstanceUid],
    queryFn: ({ signal }) => ask<Study>(`${studyPath(studyInstanceUid ?? "")}?marks=false`, signal),
    enabled: studyInstanceUid !== null,
  }).data;
}
