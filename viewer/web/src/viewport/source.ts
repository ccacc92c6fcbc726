/** Where images come from: headers and frames from the node's DICOMweb. */

import { isAttended } from "../attention";
import { Problem } from "../api";
import { type DataSet, type Element, itemsOf, textOf } from "./dicomJson";
import { type ImageFacts, imageFacts } from "./imageFacts";
import { onePart } from "./pixels";

const SCHEME = "vigie";
const JSON_TYPE = "application/dicom+json";
const FRAME_TYPE = 'multipart/related; type="application/octet-stream"';

export interface FrameRef {
  studyInstanceUid: string;
  seriesInstanceUid: string;
  sopInstanceUid: string;
  frameNumber: number; // counts from 1
}

/** The name Cornerstone knows a frame by. */
export function imageIdOf(frame: FrameRef): string {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, frameNumber } = frame;
  return `${SCHEME}:${studyInstanceUid}/${seriesInstanceUid}/${sopInstanceUid}/${frameNumber}`;
}

/** The frame of a name; null: not one of ours. */
export function frameOf(imageId: string): FrameRef | null {
  const [study, series, instance, frame] = imageId.startsWith(`${SCHEME}:`)
    ? imageId.slice(SCHEME.length + 1).split("/")
    : [];
  if (study === undefined || series === undefined || instance === undefined) return null;
  return {
    studyInstanceUid: study,
    seriesInstanceUid: series,
    sopInstanceUid: instance,
    frameNumber: Number(frame),
  };
}

/** Headers and frames of the studies that are open; forgotten with them. */
export class ImageSource {
  private headers = new Map<string, DataSet>(); // by SOP Instance UID; another one for each study
  private readonly facts = new Map<string, ImageFacts>(); // by image
  private readonly series = new Map<string, Promise<void>>(); // headers of all of a series

  /** What is known of an image by now. */
  known(imageId: string): ImageFacts | null {
    const found = this.facts.get(imageId);
    if (found !== undefined) return found;
    const frame = frameOf(imageId);
    const header = frame === null ? undefined : this.headers.get(frame.sopInstanceUid);
    if (frame === null || header === undefined) return null;
    const facts = imageFacts(header, frame.frameNumber);
    this.facts.set(imageId, facts);
    return facts;
  }

  /** The facts of an image; the first of a series does not wait for the headers of the others. */
  async factsOf(imageId: string): Promise<ImageFacts> {
    const frame = frameOf(imageId);
    if (frame === null) throw new Error(`no image of this node: ${imageId}`);
    const isFirst = !this.series.has(seriesPath(frame));
    const all = this.openSeries(frame, frame.sopInstanceUid);
    if (this.known(imageId) === null) {
      await (isFirst ? Promise.any([this.readInstance(frame), all]) : all);
    }
    // Came after the headers of its series were asked for, or its table could not be had then.
    if (this.known(imageId) === null) await this.readInstance(frame);
    const facts = this.known(imageId);
    if (facts === null) throw new Error("the node did not send the image's header");
    return facts;
  }

  /** Ask for the headers of a whole series, once; resolves when those that can be had are there. */
  openSeries(frame: Omit<FrameRef, "sopInstanceUid" | "frameNumber">, firstUid = ""): Promise<void> {
    const path = seriesPath(frame);
    const asked = this.series.get(path);
    if (asked !== undefined) return asked;
    const asking = this.readSeries(path, firstUid);
    this.series.set(path, asking);
    asking.catch(() => this.series.delete(path)); // so that it is asked again
    return asking;
  }

  private async readInstance(frame: FrameRef): Promise<void> {
    const { headers } = this;
    for (const header of await headersAt(instancePath(frame))) await keep(header, headers);
  }

  /** Keep each header when its tables are there, the first image's before all; some at a time. */
  private async readSeries(path: string, firstUid: string): Promise<void> {
    const { headers } = this;
    const sent = await headersAt(path);
    const isFirst = (header: DataSet) => uidOf(header) === firstUid;
    const left = sent.toSorted((a, b) => Number(isFirst(b)) - Number(isFirst(a))).values();
    const keepSome = async (): Promise<void> => {
      for (const header of left) {
        if (this.headers !== headers) return; // the study was left
        if (headers.has(uidOf(header))) continue;
        // An image whose table cannot be had asks again when it is to be shown, and then says so.
        await keep(header, headers).catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, keepSome));
  }

  /** The bytes of a frame's values. */
  async frame(frame: FrameRef): Promise<Uint8Array> {
    return bytesOf(`${instancePath(frame)}/frames/${frame.frameNumber}`, FRAME_TYPE);
  }

  /** The frame as the node draws it: for colour spaces that are the node's business. */
  async rendered(frame: FrameRef): Promise<ImageData> {
    const { studyInstanceUid: study, seriesInstanceUid: series } = frame;
    const path = `/api/studies/${study}/series/${series}/instances/${frame.sopInstanceUid}/frames/${frame.frameNumber}/rendered`;
    const picture = await createImageBitmap(await (await get(path, "image/png")).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("the browser cannot read pictures");
    context.drawImage(picture, 0, 0);
    picture.close();
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  /** Nothing of a patient is kept when the study is left. */
  forget(): void {
    this.headers = new Map(); // what still comes goes nowhere
    this.facts.clear();
    this.series.clear();
  }
}

function seriesPath({ studyInstanceUid, seriesInstanceUid }: Pick<FrameRef, "studyInstanceUid" | "seriesInstanceUid">): string {
  return `/dicomweb/studies/${studyInstanceUid}/series/${seriesInstanceUid}`;
}

function instancePath(frame: FrameRef): string {
  return `${seriesPath(frame)}/instances/${frame.sopInstanceUid}`;
}

const AT_ONCE = 4; // tables: a browser asks a host six things at a time, and pixels are wanted, too

async function headersAt(path: string): Promise<DataSet[]> {
  return (await (await get(`${path}/metadata`, JSON_TYPE)).json()) as DataSet[];
}

function uidOf(header: DataSet): string {
  return textOf(header, "00080018");
}

/** Keep a header among others once its tables are in it. */
async function keep(header: DataSet, headers: Map<string, DataSet>): Promise<void> {
  await Promise.all(
    tablesElsewhere(header).map(async (table) => {
      const path = new URL(table.BulkDataURI).pathname;
      table.InlineBinary = base64(await bytesOf(path, "application/octet-stream"));
    }),
  );
  headers.set(uidOf(header), header);
}

const TABLES = ["00283000", "00283010"] as const; // Modality LUT, VOI LUT
const TABLE_DATA = "00283006";

/** Long tables are sent apart from their header; without them its values would be others. */
export function tablesElsewhere(header: DataSet): (Element & { BulkDataURI: string })[] {
  return TABLES.flatMap((tag) => itemsOf(header, tag))
    .map((item) => item[TABLE_DATA])
    .filter((data): data is Element & { BulkDataURI: string } => data?.BulkDataURI !== undefined);
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
}

async function bytesOf(path: string, accept: string): Promise<Uint8Array> {
  const response = await get(path, accept);
  return onePart(await response.arrayBuffer(), response.headers.get("Content-Type") ?? "");
}

async function get(path: string, accept: string): Promise<Response> {
  const headers: Record<string, string> = { Accept: accept };
  if (!isAttended()) headers["Vigie-Unattended"] = "1";
  const response = await fetch(path, { headers });
  if (!response.ok) throw new Problem(response.status, { title: response.statusText });
  return response;
}
