/** What one frame's attributes say of its pixels and of where it lies, from DICOM JSON. */

import {
  type DataSet,
  itemsOf,
  numberOf,
  numbersOf,
  textOf,
  textsOf,
  vectorOf,
  wordsOf,
} from "./dicomJson";

export type Vector = readonly [number, number, number];

/** A plane in the patient, PS3.3 C.7.6.2: all in mm. */
export interface Plane {
  position: Vector; // the centre of the first pixel
  along: Vector; // unit vector in the direction of growing columns
  down: Vector; // unit vector in the direction of growing rows
}

/** How millimetres are known: in the patient, at the detector (larger than the patient), or not. */
export type Scale = "patient" | "detector" | "unknown";

export interface VoiWindow {
  center: number; // modality values
  width: number;
}

export interface Lut {
  first: number; // the value that the first entry stands for
  bits: number; // of each entry
  entries: Uint16Array;
}

/** PS3.3 C.8.5.5: a rectangle of an ultrasound picture with a scale of its own. */
export interface UltrasoundRegion {
  left: number; // pixels, from 0
  top: number;
  right: number;
  bottom: number;
  mmPerColumn: number;
  mmPerRow: number;
}

export interface ImageFacts {
  rows: number; // pixels
  columns: number;
  samples: number;
  photometric: string;
  bitsAllocated: number;
  bitsStored: number;
  signed: boolean;
  stored: "integer" | "float" | "double"; // Pixel Data, Float or Double Float Pixel Data
  planar: boolean; // colours plane by plane instead of pixel by pixel
  padding: readonly [number, number] | null; // stored values, from and to, that are no image
  slope: number;
  intercept: number;
  unit: string; // of the modality values: "HU", or empty where they have none that is known
  modalityLut: Lut | null;
  voiLut: Lut | null;
  windows: readonly VoiWindow[];
  voiFunction: "LINEAR" | "LINEAR_EXACT" | "SIGMOID";
  modality: string;
  seriesInstanceUid: string;
  frameOfReferenceUid: string; // empty: none
  plane: Plane | null;
  rowSpacingMm: number; // between rows; where the scale is unknown, times the distance of columns
  columnSpacingMm: number;
  scale: Scale;
  sliceThicknessMm: number | null;
  patientOrientation: readonly [string, string] | null; // letters right and below, without a plane
  ultrasound: readonly UltrasoundRegion[];
  frameTimeMs: number | null;
  acquiredAt: string; // date and time as sent, for a caption; may be empty
}

const SHARED = "52009229";
const PER_FRAME = "52009230";

/** The facts of one frame (from 1) of one instance. */
export function imageFacts(instance: DataSet, frameNumber: number): ImageFacts {
  const groups = [
    itemsOf(instance, PER_FRAME)[frameNumber - 1],
    itemsOf(instance, SHARED)[0],
  ].filter((one) => one !== undefined);
  /** A macro of the frame, of all frames, or else the object itself (PS3.3 C.7.6.16). */
  const macro = (tag: string): DataSet =>
    groups.map((group) => itemsOf(group, tag)[0]).find((one) => one !== undefined) ?? instance;

  const rescale = macro("00289145");
  const intercept = numberOf(rescale, "00281052") ?? 0;
  const modality = textOf(instance, "00080060");
  const pixels = pixelFacts(instance);
  return {
    ...pixels,
    slope: numberOf(rescale, "00281053") ?? 1,
    intercept,
    unit: unitOf(modality, rescale),
    modalityLut: lutOf(instance, "00283000"),
    voiLut: belowZero(lutOf(instance, "00283010"), intercept < 0 || pixels.signed),
    windows: windowsOf(macro("00289132")),
    voiFunction: voiFunctionOf(textOf(macro("00289132"), "00281056")),
    modality,
    seriesInstanceUid: textOf(instance, "0020000E"),
    frameOfReferenceUid: textOf(instance, "00200052"),
    plane: planeOf(macro("00209113"), macro("00209116")),
    ...spacingOf(instance, macro("00289110")),
    sliceThicknessMm: numberOf(macro("00289110"), "00180050"),
    patientOrientation: lettersOf(macro("00209450")),
    ultrasound: itemsOf(instance, "00186011").flatMap(ultrasoundRegion),
    frameTimeMs: frameTimeOf(instance),
    acquiredAt: [textOf(instance, "00080022") || textOf(instance, "00080023"), textOf(instance, "00080032") || textOf(instance, "00080033")].join(" ").trim(),
  };
}

/** Implicit and Explicit Little Endian, deflated, Explicit Big Endian. */
const NATIVE = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"];
const VIDEO = "1.2.840.10008.1.2.4.10"; // MPEG and HEVC, whose frames the node decodes for nobody

/** Colours as the frames have them: what was compressed comes decoded, as RGB pixel by pixel. */
function colourFacts(instance: DataSet) {
  const stored = textOf(instance, "00083002"); // Available Transfer Syntax UID; empty: not said
  const isDecoded = stored !== "" && !NATIVE.includes(stored) && !stored.startsWith(VIDEO);
  if (isDecoded && numberOf(instance, "00280002") === 3) return { photometric: "RGB", planar: false };
  return {
    photometric: textOf(instance, "00280004") || "MONOCHROME2",
    planar: numberOf(instance, "00280006") === 1,
  };
}

/** Pixel Padding Value and Range Limit, for each way in which pixels are stored. */
const PADDING = {
  integer: ["00280120", "00280121"],
  float: ["00280122", "00280124"],
  double: ["00280123", "00280125"],
} as const;

function storedAs(instance: DataSet): ImageFacts["stored"] {
  if (instance["7FE00008"] !== undefined) return "float";
  return instance["7FE00009"] !== undefined ? "double" : "integer";
}

function pixelFacts(instance: DataSet) {
  const bitsAllocated = numberOf(instance, "00280100") ?? 16;
  const stored = storedAs(instance);
  const [from, to] = PADDING[stored];
  const padding = numberOf(instance, from);
  const paddingEnd = numberOf(instance, to) ?? padding;
  return {
    rows: numberOf(instance, "00280010") ?? 0,
    columns: numberOf(instance, "00280011") ?? 0,
    samples: numberOf(instance, "00280002") ?? 1,
    ...colourFacts(instance),
    bitsAllocated,
    bitsStored: numberOf(instance, "00280101") ?? bitsAllocated,
    signed: numberOf(instance, "00280103") === 1,
    stored,
    padding:
      padding === null || paddingEnd === null
        ? null
        : ([Math.min(padding, paddingEnd), Math.max(padding, paddingEnd)] as const),
  };
}

function unitOf(modality: string, rescale: DataSet): string {
  if (numberOf(rescale, "00281053") === null || numberOf(rescale, "00281052") === null) return ""; // stored values
  const said = textOf(rescale, "00281054");
  if (said === "" && modality === "CT") return "HU";
  return said === "US" ? "" : said; // "US": unspecified (PS3.3 C.11.1.1.2)
}

function windowsOf(dataSet: DataSet): VoiWindow[] {
  const widths = numbersOf(dataSet, "00281051");
  return numbersOf(dataSet, "00281050").flatMap((center, at) => {
    const width = widths[at];
    return width === undefined || width <= 0 ? [] : [{ center, width }];
  });
}

function voiFunctionOf(said: string): ImageFacts["voiFunction"] {
  return said === "LINEAR_EXACT" || said === "SIGMOID" ? said : "LINEAR";
}

function lutOf(dataSet: DataSet, tag: string): Lut | null {
  const item = itemsOf(dataSet, tag)[0];
  if (item === undefined) return null;
  const [count, first, bits] = numbersOf(item, "00283002");
  const words = wordsOf(item, "00283006");
  if (count === undefined || first === undefined || bits === undefined || words === null) return null;
  const length = count === 0 ? 65536 : count; // PS3.3 C.11.1.1: 0 means 2 to the power of 16
  return words.length < length ? null : { first, bits, entries: words.subarray(0, length) };
}

const HALF = 2 ** 15;

/** Values below 0 are often written as if they were unsigned: of a CT, 64512 is meant as -1024. */
function belowZero(lut: Lut | null, goesBelow: boolean): Lut | null {
  return lut === null || lut.first < HALF || !goesBelow ? lut : { ...lut, first: lut.first - 2 * HALF };
}

function planeOf(position: DataSet, orientation: DataSet): Plane | null {
  const at = vectorOf(position, "00200032", 3);
  const cosines = vectorOf(orientation, "00200037", 6);
  if (at === null || cosines === null) return null;
  const along = unit(cosines.slice(0, 3));
  const down = unit(cosines.slice(3, 6));
  if (along === null || down === null) return null;
  const skew = along[0] * down[0] + along[1] * down[1] + along[2] * down[2];
  return Math.abs(skew) > 0.01 ? null : { position: at as unknown as Vector, along, down };
}

function unit(vector: readonly number[]): Vector | null {
  const length = Math.hypot(...vector);
  if (!(length > 0.5 && length < 1.5)) return null;
  return vector.map((one) => one / length) as unknown as Vector;
}

/** PS3.3 10.7: Pixel Spacing is the patient's where there is a plane or a calibration. */
function spacingOf(instance: DataSet, measures: DataSet) {
  const own = positivePair(measures, "00280030");
  if (own !== null) {
    const atDetector = positivePair(instance, "00181164");
    const isSame = atDetector !== null && atDetector[0] === own[0] && atDetector[1] === own[1];
    return spacing(own, isSame && textOf(instance, "00280A02") === "" ? "detector" : "patient");
  }
  const imager = positivePair(instance, "00181164");
  if (imager === null) return spacing([aspectOf(instance), 1], "unknown");
  const magnification = numberOf(instance, "00181114") ?? 0;
  if (magnification <= 0) return spacing(imager, "detector");
  return spacing([imager[0] / magnification, imager[1] / magnification], "patient");
}

const MOST_ASPECT = 20; // beyond it the attribute is taken for a mistake

/** How many times as high as wide a pixel is (PS3.3 C.7.6.3.1.7: vertical, then horizontal). */
function aspectOf(instance: DataSet): number {
  const [high, wide] = positivePair(instance, "00280034") ?? [1, 1];
  const aspect = high / wide;
  return aspect <= MOST_ASPECT && aspect >= 1 / MOST_ASPECT ? aspect : 1;
}

function spacing([row, column]: readonly [number, number], scale: Scale) {
  return { rowSpacingMm: row, columnSpacingMm: column, scale };
}

function positivePair(dataSet: DataSet, tag: string): readonly [number, number] | null {
  const [row, column] = vectorOf(dataSet, tag, 2) ?? [];
  return row === undefined || column === undefined || row <= 0 || column <= 0 ? null : [row, column];
}

function lettersOf(dataSet: DataSet): readonly [string, string] | null {
  const [right, below] = textsOf(dataSet, "00200020");
  return right === undefined || below === undefined ? null : [right, below];
}

const CENTIMETRES = 3;

function ultrasoundRegion(item: DataSet): UltrasoundRegion[] {
  const across = Math.abs(numberOf(item, "0018602C") ?? 0) * 10;
  const down = Math.abs(numberOf(item, "0018602E") ?? 0) * 10;
  const inCentimetres =
    numberOf(item, "00186024") === CENTIMETRES && numberOf(item, "00186026") === CENTIMETRES;
  const isPicture = numberOf(item, "00186012") === 1; // 2D: tissue or flow
  if (!inCentimetres || !isPicture || across === 0 || down === 0) return [];
  return [
    {
      left: numberOf(item, "00186018") ?? 0,
      top: numberOf(item, "0018601A") ?? 0,
      right: numberOf(item, "0018601C") ?? 0,
      bottom: numberOf(item, "0018601E") ?? 0,
      mmPerColumn: across,
      mmPerRow: down,
    },
  ];
}

function frameTimeOf(instance: DataSet): number | null {
  const time = numberOf(instance, "00181063");
  if (time !== null && time > 0) return time;
  const rate = numberOf(instance, "00082144") ?? numberOf(instance, "00180040") ?? 0;
  return rate > 0 ? 1000 / rate : null;
}
