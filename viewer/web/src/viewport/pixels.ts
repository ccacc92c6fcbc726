/** From the bytes of a frame (Explicit VR Little Endian, as `/dicomweb` sends them) to values. */

import type { ImageFacts, Lut, VoiWindow } from "./imageFacts";
import { isExact, windowOfAll } from "./windows";

export type Values = Int16Array | Uint16Array | Uint8Array | Float32Array;
type Stored = Int32Array | Int16Array | Uint16Array | Uint8Array | Float32Array;

/** The one part of a multipart/related answer (PS3.18 8.6.1.2), or the whole of a plain one. */
export function onePart(body: ArrayBuffer, contentType: string): Uint8Array {
  const bytes = new Uint8Array(body);
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (!/^multipart\//i.test(contentType) || boundary === undefined) return bytes;
  const headers = indexOf(bytes, "\r\n\r\n", 0);
  if (headers < 0) throw new Error("the answer holds no part");
  const length = /content-length:\s*(\d+)/i.exec(
    String.fromCharCode(...bytes.subarray(0, Math.min(headers, 4096))),
  )?.[1];
  const start = headers + 4;
  if (length !== undefined && start + Number(length) <= bytes.length) {
    return bytes.subarray(start, start + Number(length));
  }
  const end = lastIndexOf(bytes, `\r\n--${boundary}--`);
  if (end < start) throw new Error("the answer's part does not end");
  return bytes.subarray(start, end);
}

function indexOf(bytes: Uint8Array, text: string, from: number): number {
  for (let at = from; at <= bytes.length - text.length; at++) if (isAt(bytes, text, at)) return at;
  return -1;
}

/** From the end: pixels may hold any bytes, and only the last delimiter is one. */
function lastIndexOf(bytes: Uint8Array, text: string): number {
  for (let at = bytes.length - text.length; at >= 0; at--) if (isAt(bytes, text, at)) return at;
  return -1;
}

function isAt(bytes: Uint8Array, text: string, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

const SIZES: Record<ImageFacts["stored"], readonly number[]> = { integer: [8, 16, 32], float: [32], double: [64] };

/** Whether the values of a frame can be used as they are sent; the rest is drawn by the node. */
export function isPlain(facts: ImageFacts): boolean {
  const { samples, photometric, bitsAllocated } = facts;
  if (samples === 1) {
    return /^MONOCHROME[12]$/.test(photometric) && SIZES[facts.stored].includes(bitsAllocated);
  }
  return samples === 3 && photometric === "RGB" && bitsAllocated === 8;
}

/** Stored values of a grey frame, row by row; bits beyond those stored are no part of them. */
export function storedValues(bytes: Uint8Array, facts: ImageFacts): Stored {
  const count = facts.rows * facts.columns;
  const size = facts.bitsAllocated >> 3;
  if (bytes.byteLength < count * size) {
    throw new Error(`the frame has ${bytes.byteLength} bytes instead of ${count * size}`);
  }
  const aligned = bytes.slice(0, count * size).buffer;
  if (facts.stored === "float") return new Float32Array(aligned);
  if (facts.stored === "double") return Float32Array.from(new Float64Array(aligned));
  if (size === 1 && !facts.signed && facts.bitsStored === 8) return new Uint8Array(aligned);
  const shift = 32 - facts.bitsStored;
  const raw = size === 1 ? new Uint8Array(aligned) : size === 2 ? new Uint16Array(aligned) : new Int32Array(aligned);
  if (size === 2 && facts.bitsStored === 16) {
    return facts.signed ? new Int16Array(aligned) : new Uint16Array(aligned);
  }
  const values = size === 4 ? new Int32Array(count) : facts.signed ? new Int16Array(count) : new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const moved = (raw[i] ?? 0) << shift;
    values[i] = facts.signed ? moved >> shift : moved >>> shift;
  }
  return values;
}

export interface GreyPixels {
  values: Values; // modality values: HU for CT; what a probe says
  drawn: Values; // what the window is for: the same, or what the table of the image makes of them
  lowest: number; // of what is drawn, without padding
  highest: number;
  window: VoiWindow; // as sent, or else all of the range
}

/** Modality values of a grey frame, with the window to begin with. */
export function greyPixels(bytes: Uint8Array, facts: ImageFacts): GreyPixels {
  const stored = storedValues(bytes, facts);
  const values = modalityValues(stored, facts);
  const range = rangeOf(stored, values, facts.padding);
  const sent = facts.windows[0];
  const lut = sent === undefined ? facts.voiLut : null;
  const span = lut === null ? null : spanOf(lut, facts);
  if (lut !== null && span === null) {
    const highest = 2 ** lut.bits - 1;
    const drawn = withoutGlare(stored, throughLut(values, lut), facts, highest);
    return { values, drawn, lowest: 0, highest, window: windowOfAll(0, highest, false) };
  }
  const window = sent ?? span ?? windowOfAll(range.lowest, range.highest, isExact(facts));
  return { values, drawn: drawable(stored, values, facts, range), ...range, window };
}

/** The values without what cannot be drawn, or would glare. */
function drawable(stored: Stored, values: Values, facts: ImageFacts, range: Range): Values {
  let drawn = values;
  if (values instanceof Float32Array && !values.every(Number.isFinite)) {
    drawn = values.map((value) => (Number.isFinite(value) ? value : range.lowest));
  }
  return withoutGlare(stored, drawn, facts, range.highest);
}

/** Shown inverted, what is no image would glare: it is made the darkest, which is the highest. */
function withoutGlare(stored: Stored, drawn: Values, { padding, photometric }: ImageFacts, highest: number): Values {
  if (padding === null || photometric !== "MONOCHROME1") return drawn;
  const [from, to] = padding;
  return drawn.map((value, i) => {
    const raw = stored[i] ?? 0;
    return raw >= from && raw <= to ? highest : value;
  });
}

const FOOT = 0.005; // of a table's rise: before and after it nothing is told apart

/**
 * The window over which the table of a CT rises; null: other images, and tables that fall.
 *
 * Hounsfield units are windowed by people, which must go on from the values themselves.
 */
function spanOf({ first, entries }: Lut, { unit }: ImageFacts): VoiWindow | null {
  const [low, high] = [entries[0] ?? 0, entries.at(-1) ?? 0];
  if (unit !== "HU" || high <= low) return null;
  const foot = entries.findIndex((entry) => entry > low + FOOT * (high - low));
  const head = entries.findIndex((entry) => entry >= high - FOOT * (high - low));
  return windowOfAll(first + Math.max(0, foot - 1), first + head, false);
}

function modalityValues(stored: Stored, facts: ImageFacts): Values {
  const { slope, intercept, modalityLut: lut } = facts;
  const count = stored.length;
  if (lut !== null) {
    const values = new Uint16Array(count);
    for (let i = 0; i < count; i++) values[i] = looked(lut, stored[i] ?? 0);
    return values;
  }
  const isWhole = Number.isInteger(slope) && Number.isInteger(intercept);
  if (isWhole && slope === 1 && intercept === 0 && !(stored instanceof Int32Array)) {
    return stored;
  }
  const isCounted = isWhole && facts.stored === "integer";
  const [lowest, highest] = isCounted ? possible(facts) : [Infinity, Infinity];
  const values =
    lowest >= -32768 && highest <= 32767 ? new Int16Array(count) : new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (stored[i] ?? 0) * slope + intercept;
  return values;
}

/** The lowest and highest modality value that the stored bits can give. */
function possible({ bitsStored, signed, slope, intercept }: ImageFacts): [number, number] {
  const ends = signed
    ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1]
    : [0, 2 ** bitsStored - 1];
  const [a = 0, b = 0] = ends.map((end) => end * slope + intercept);
  return [Math.min(a, b), Math.max(a, b)];
}

function looked(lut: Lut, value: number): number {
  const at = Math.max(0, Math.min(lut.entries.length - 1, value - lut.first));
  return lut.entries[at] ?? 0;
}

interface Range {
  lowest: number;
  highest: number;
}

function rangeOf(stored: ArrayLike<number>, values: Values, padding: ImageFacts["padding"]): Range {
  let lowest = Infinity;
  let highest = -Infinity;
  const [from, to] = padding ?? [1, 0];
  for (let i = 0; i < values.length; i++) {
    const raw = stored[i] ?? 0;
    const value = values[i] ?? 0;
    if ((raw >= from && raw <= to) || !Number.isFinite(value)) continue;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  return highest < lowest ? { lowest: 0, highest: 0 } : { lowest, highest };
}

/** A picture whose only window is a table: what is drawn is what the table says. */
function throughLut(values: Values, lut: Lut): Uint16Array {
  const shown = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) shown[i] = looked(lut, values[i] ?? 0);
  return shown;
}

/** Red, green and blue pixel by pixel, whichever way they were sent. */
export function colourPixels(bytes: Uint8Array, facts: ImageFacts): Uint8Array {
  const count = facts.rows * facts.columns;
  if (bytes.byteLength < count * 3) {
    throw new Error(`the frame has ${bytes.byteLength} bytes instead of ${count * 3}`);
  }
  if (!facts.planar) return bytes.slice(0, count * 3);
  const mixed = new Uint8Array(count * 3);
  for (let colour = 0; colour < 3; colour++) {
    for (let i = 0; i < count; i++) mixed[i * 3 + colour] = bytes[colour * count + i] ?? 0;
  }
  return mixed;
}
