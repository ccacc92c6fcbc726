/** An image of nothing much, for the tests. */

import type { ImageFacts } from "./imageFacts";

export const FACTS: ImageFacts = {
  rows: 1, columns: 4, samples: 1, photometric: "MONOCHROME2", bitsAllocated: 16, bitsStored: 12,
  signed: false, stored: "integer", planar: false, padding: null, slope: 1, intercept: 0, unit: "HU", modalityLut: null,
  voiLut: null, windows: [], voiFunction: "LINEAR", modality: "CT", seriesInstanceUid: "1",
  frameOfReferenceUid: "", plane: null, rowSpacingMm: 1, columnSpacingMm: 1, scale: "unknown",
  sliceThicknessMm: null, patientOrientation: null, ultrasound: [], frameTimeMs: null, acquiredAt: "",
};
