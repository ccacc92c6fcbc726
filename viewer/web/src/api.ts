/** The JSON of the node's HTTP API (`viewer/schemas.py`), and how it is asked. */

import { isAttended } from "./attention";
import { type Language, language } from "./language";
import type { Reading } from "./reading/reading";

export type OutcomeState =
  | "not_run_yet"
  | "running"
  | "flagged"
  | "not_flagged"
  | "not_applicable"
  | "failed"
  | "too_late"
  | "stopped";

export type RequestedPriority = "stat" | "urgent" | "routine";

export type Target = "intracranial_haemorrhage" | "fracture" | "pulmonary_nodule";

export interface Detector {
  name: string;
  target: Target;
  finding: string;
  state: OutcomeState;
  probability: number | null;
  reason: string | null;
  version: string | null;
  operating_point: number | null;
  assessed_at: string | null;
}

/** Who reads a study now. */
export interface Claim {
  name: string;
  display_name: string;
  since: string;
  mine: boolean;
}

/** One image that stands for a study: a middle one of its best series. */
export interface PreviewAddress {
  series_instance_uid: string;
  sop_instance_uid: string;
  frame_number: number;
  window: [number, number] | null; // center, width; null: as the image says
}

export interface Row {
  place: number | null; // null: the study was read
  reading_state: "unread" | "read";
  study_instance_uid: string;
  patient_id: string;
  patient_name: string;
  patient_birth_date: string | null;
  patient_sex: string;
  accession_number: string;
  study_description: string;
  modalities: string[];
  body_part: string;
  requested_priority: RequestedPriority;
  priority_in_force: RequestedPriority;
  pinned: boolean;
  received_at: string;
  due_at: string;
  due_without_ai_at: string;
  reason: string;
  completeness: "complete" | "incomplete" | null;
  arriving: boolean;
  instance_count: number;
  conflicts: number;
  detectors: Detector[];
  claim: Claim | null; // null: nobody reads it
  preview: PreviewAddress | null; // null: no image to show yet
  cursor: string;
}

/** A detector that fails on most of what came lately, or that cannot run at all. */
export interface Trouble {
  detector: string;
  broken: boolean;
  failed: number;
  of: number;
  since: string;
  reason: string;
}

export interface WorklistPage {
  rows: Row[];
  total: number; // unread studies
  matching: number; // rows that the filters let through
  matching_limited: boolean; // there are more, which were not counted
  next_cursor: string | null;
  ai_stopped: boolean;
  stopped_detectors: string[];
  trouble: Trouble[];
  generated_at: string;
}

/** What the filters may be set to. */
export interface Choices {
  modalities: string[];
  body_parts: string[];
}

export interface SavedView {
  id: number;
  name: string;
  query: string; // of `/api/worklist`
}

export interface Preferences {
  language: Language | null; // null: the browser's
  theme: "dark" | "light" | "system" | null; // null: the page's own
  density: "comfortable" | "compact";
  claim_on_open: boolean;
  notifications: boolean;
  sound: boolean;
  quiet_from: string | null; // "22:00", by the workstation's clock
  quiet_to: string | null;
}

export interface Instance {
  sop_instance_uid: string;
  instance_number: number | null;
  number_of_frames: number;
  rows: number | null;
  columns: number | null;
}

export interface Series {
  series_instance_uid: string;
  modality: string;
  description: string;
  body_part: string;
  instances: Instance[];
}

/** (0, 0) is the top-left corner of the top-left pixel, column first, as in SCOORD. */
export interface Region {
  detector: string;
  number: number; // counts from 1 within the detector's result
  sop_instance_uid: string;
  frame_number: number;
  polygon: [number, number][];
  score: number;
  kind: string; // empty: not said
  lesion: number | null;
}

export interface ImageScore {
  sop_instance_uid: string;
  frame_number: number;
  score: number; // 0 to 1, not calibrated
}

export interface SuspectedKind {
  name: string;
  score: number;
}

export interface Lesion {
  number: number;
  score: number;
  centre_mm: [number, number, number] | null;
  diameter_mm: number | null;
  first_image: string;
  last_image: string;
}

/** An image that was turned to be looked at, quarters counterclockwise. */
export interface TurnedImage {
  sop_instance_uid: string;
  frame_number: number;
  quarters: number;
}

/** What one detector's probability rests on, as far as it says. */
export interface Evidence {
  detector: string;
  image_scores: ImageScore[];
  kinds: SuspectedKind[];
  lesions: Lesion[];
  turned: TurnedImage[];
}

export interface Provenance {
  detector: string;
  version: string;
  weights_sha256: string;
  operating_point: number;
  software_version: string;
  instances: [string, string][];
  not_eligible: [string, string][];
  started_at: string;
  finished_at: string;
}

export interface HistoryEvent {
  event_id: number;
  at: string;
  kind: string;
  actor: string;
  words: string;
}

export interface Study {
  row: Row;
  series: Series[];
  regions: Region[];
  evidence: Evidence[];
  provenance: Provenance[];
  events: HistoryEvent[];
  reading?: Reading;
  withheld?: string[]; // detectors whose marks this person may not see (yet)
}

export interface Model {
  name: string;
  finding: string;
  title: string;
  version: string;
  weights_sha256: string;
  operating_point: number;
  state: "on" | "stopped" | "broken";
  broken: string | null;
  stopped_by: string | null;
  stopped_at: string | null;
  stopped_because: string | null;
}

export type Figure = string | number | boolean | null | Figure[] | { [name: string]: Figure };
export type Figures = Record<string, Figure>;

export interface ModelCard extends Model {
  card: {
    intended_use: string;
    limits: string[];
    training_data: string[];
    licence: string;
    guards: Record<string, string>; // further weights, to SHA-256
    calibration: Figures;
    performance: Figures;
  } | null; // null: broken
}

export function modelPath(name: string): string {
  return `/api/models/${encodeURIComponent(name)}`;
}

export interface NodeInfo {
  ae_title: string;
  dicom_port: number;
  version: string;
}

interface ProblemBody {
  title?: string;
  detail?: string;
  code?: string;
  claim?: Claim; // with the code "claimed_by_another"
}

/** An answer that is a problem (RFC 9457); the message is its sentence for people. */
export class Problem extends Error {
  readonly code: string; // for programs; empty: none

  constructor(
    readonly status: number,
    readonly body: ProblemBody,
  ) {
    super(body.detail ?? body.title ?? "");
    this.code = body.code ?? "";
  }
}

/** Ask for JSON; rejects with `Problem` for any answer but success. */
export async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  const headers = commonHeaders();
  if (!isAttended()) headers["Vigie-Unattended"] = "1";
  const response = await fetch(path, { signal, headers });
  if (!response.ok) {
    throw await problemOf(response);
  }
  return (await response.json()) as T;
}

/**
 * Change something; rejects with `Problem` for any answer but success.
 *
 * The session's token says that it was this page that asked, and not another site.
 */
export async function change<T>(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  csrfToken: string | null,
  body?: unknown,
  options: Pick<RequestInit, "keepalive" | "signal"> = {},
): Promise<T> {
  const headers = commonHeaders();
  if (csrfToken !== null) headers["X-CSRF-Token"] = csrfToken;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    ...options,
  });
  if (!response.ok) {
    throw await problemOf(response);
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** The node says its sentences in the language of the page. */
function commonHeaders(): Record<string, string> {
  return { Accept: "application/json", "Accept-Language": language() };
}

async function problemOf(response: Response): Promise<Problem> {
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  const body = isJson ? ((await response.json()) as ProblemBody) : {};
  return new Problem(response.status, { title: response.statusText, ...body });
}

export function studyPath(studyInstanceUid: string): string {
  return `/api/studies/${encodeURIComponent(studyInstanceUid)}`;
}

export interface FrameAddress {
  studyInstanceUid: string;
  seriesInstanceUid: string;
  sopInstanceUid: string;
  frameNumber: number;
}

/** Where the node serves one frame as a picture; the window is (center, width). */
export function frameUrl(
  frame: FrameAddress,
  window: readonly [number, number] | null,
  viewport: readonly [number, number] | null,
): string {
  const query = new URLSearchParams();
  if (window !== null) query.set("window", window.join(","));
  if (viewport !== null) query.set("viewport", viewport.join(","));
  const asked = query.toString();
  return (
    `${studyPath(frame.studyInstanceUid)}/series/${frame.seriesInstanceUid}` +
    `/instances/${frame.sopInstanceUid}/frames/${frame.frameNumber}/rendered` +
    (asked === "" ? "" : `?${asked}`)
  );
}
