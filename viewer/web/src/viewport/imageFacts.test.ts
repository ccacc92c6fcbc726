import { describe, expect, it } from "vitest";

import type { DataSet } from "./dicomJson";
import { imageFacts } from "./imageFacts";

const us = (...Value: number[]) => ({ vr: "US", Value });
const ds = (...Value: (number | string)[]) => ({ vr: "DS", Value });
const cs = (...Value: string[]) => ({ vr: "CS", Value });
const sq = (...Value: DataSet[]) => ({ vr: "SQ", Value });

const CT: DataSet = {
  "00080060": cs("CT"),
  "0020000E": { vr: "UI", Value: ["1.2.3"] },
  "00200052": { vr: "UI", Value: ["1.2.4"] },
  "00200032": ds(-100, -120, 35),
  "00200037": ds(1, 0, 0, 0, 1, 0),
  "00280002": us(1),
  "00280004": cs("MONOCHROME2"),
  "00280010": us(512),
  "00280011": us(256),
  "00280030": ds(0.5, 0.75),
  "00280100": us(16),
  "00280101": us(12),
  "00280103": us(1),
  "00280120": { vr: "SS", Value: [-2000] },
  "00281050": ds(40, 500),
  "00281051": ds(80, 2000),
  "00281052": ds(-1024),
  "00281053": ds(1),
};

describe("the facts of an image", () => {
  it("are read with rows before columns and position as the standard has them", () => {
    const facts = imageFacts(CT, 1);
    expect(facts).toMatchObject({ rows: 512, columns: 256, rowSpacingMm: 0.5, columnSpacingMm: 0.75 });
    expect(facts).toMatchObject({ signed: true, slope: 1, intercept: -1024, unit: "HU", scale: "patient" });
    expect(facts.padding).toEqual([-2000, -2000]);
    expect(facts.plane).toEqual({ position: [-100, -120, 35], along: [1, 0, 0], down: [0, 1, 0] });
    expect(facts.windows).toEqual([
      { center: 40, width: 80 },
      { center: 500, width: 2000 },
    ]);
  });

  it("take numbers that were sent as text", () => {
    const facts = imageFacts({ ...CT, "00280030": ds("0.5 ", "0.75"), "00281052": ds("-1024") }, 1);
    expect(facts).toMatchObject({ columnSpacingMm: 0.75, intercept: -1024 });
  });

  it("hold no window without a width", () => {
    expect(imageFacts({ ...CT, "00281051": ds(0, 2000) }, 1).windows).toEqual([{ center: 500, width: 2000 }]);
  });

  it("know the shape of pixels without a scale: height to width (PS3.3 C.7.6.3.1.7)", () => {
    const bare: DataSet = { ...CT, "00280030": undefined };
    const aspect = (...Value: (number | string)[]) => imageFacts({ ...bare, "00280034": { vr: "IS", Value } }, 1);
    expect(aspect(6, 5)).toMatchObject({ rowSpacingMm: 1.2, columnSpacingMm: 1, scale: "unknown" });
    expect(aspect("1", "2").rowSpacingMm).toBe(0.5);
    for (const odd of [aspect(0, 1), aspect(1), aspect(1, 1000)]) expect(odd.rowSpacingMm).toBe(1);
    expect(imageFacts({ ...CT, "00280034": { vr: "IS", Value: [6, 5] } }, 1).rowSpacingMm).toBe(0.5); // a spacing says more
  });

  it("know floating point by its element, with its own padding", () => {
    const single = { ...CT, "7FE00008": { vr: "OF", BulkDataURI: "x" }, "00280122": { vr: "FL", Value: [-1] } };
    expect(imageFacts(single, 1)).toMatchObject({ stored: "float", padding: [-1, -1] });
    const double = { ...CT, "7FE00009": { vr: "OD", BulkDataURI: "x" }, "00280123": { vr: "FD", Value: [5] }, "00280125": { vr: "FD", Value: [2] } };
    expect(imageFacts(double, 1)).toMatchObject({ stored: "double", padding: [2, 5] });
    expect(imageFacts(CT, 1).stored).toBe("integer");
  });

  it("claim no plane where orientation is missing, skewed or no unit vectors", () => {
    expect(imageFacts({ ...CT, "00200037": undefined }, 1).plane).toBeNull();
    expect(imageFacts({ ...CT, "00200037": ds(1, 0, 0, 0.7, 0.7, 0) }, 1).plane).toBeNull();
    expect(imageFacts({ ...CT, "00200037": ds(0, 0, 0, 0, 0, 0) }, 1).plane).toBeNull();
  });

  it("of a frame come before those of all frames, and these before the object's", () => {
    const many: DataSet = {
      ...CT,
      "52009229": sq({ "00289110": sq({ "00280030": ds(1, 1) }), "00289145": sq({ "00281052": ds(-10), "00281053": ds(2) }) }),
      "52009230": sq(
        { "00209113": sq({ "00200032": ds(0, 0, 1) }) },
        { "00209113": sq({ "00200032": ds(0, 0, 2) }) },
      ),
    };
    const second = imageFacts(many, 2);
    expect(second.plane?.position).toEqual([0, 0, 2]);
    expect(second).toMatchObject({ columnSpacingMm: 1, slope: 2, intercept: -10 });
  });
});

describe("values without a rescale", () => {
  it("are not called HU, not even of CT", () => {
    expect(imageFacts({ ...CT, "00281052": undefined }, 1).unit).toBe("");
    expect(imageFacts({ ...CT, "00281053": undefined, "00281054": { vr: "LO", Value: ["HU"] } }, 1).unit).toBe("");
    expect(imageFacts({ ...CT, "00281054": { vr: "LO", Value: ["US"] } }, 1).unit).toBe("");
  });
});

describe("colours", () => {
  const sent = (transferSyntax: string | null, photometric = "RGB"): DataSet => ({
    ...CT, "00280002": us(3), "00280004": cs(photometric), "00280006": us(1),
    "00083002": transferSyntax === null ? undefined : { vr: "UI", Value: [transferSyntax] },
  });
  it("that are stored as they are come plane by plane where the object says so", () => {
    for (const native of [null, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]) {
      expect(imageFacts(sent(native, "YBR_FULL"), 1)).toMatchObject({ photometric: "YBR_FULL", planar: true });
    }
  });
  it("that were compressed come as RGB, pixel by pixel, whatever the object says", () => {
    for (const compressed of ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"]) {
      expect(imageFacts(sent(compressed, "YBR_FULL_422"), 1)).toMatchObject({ photometric: "RGB", planar: false });
    }
  });
  it("of video are no values to be used", () => {
    expect(imageFacts(sent("1.2.840.10008.1.2.4.102", "YBR_PARTIAL_420"), 1).photometric).toBe("YBR_PARTIAL_420");
  });
  it("are no matter of grey and of palettes", () => {
    const palette = { ...sent("1.2.840.10008.1.2.5", "PALETTE COLOR"), "00280002": us(1) };
    expect(imageFacts(palette, 1).photometric).toBe("PALETTE COLOR");
  });
});

describe("the scale of a radiograph", () => {
  const bare: DataSet = { ...CT, "00280030": undefined };
  const dx: DataSet = { ...bare, "00080060": cs("DX"), "00181164": ds(0.2, 0.2) };
  it("is the detector's when only that is known", () => {
    expect(imageFacts(dx, 1)).toMatchObject({ scale: "detector", columnSpacingMm: 0.2 });
    expect(imageFacts({ ...dx, "00280030": ds(0.2, 0.2) }, 1).scale).toBe("detector");
  });
  it("is the patient's after a calibration or with the magnification", () => {
    expect(imageFacts({ ...dx, "00280030": ds(0.15, 0.15) }, 1)).toMatchObject({ scale: "patient", columnSpacingMm: 0.15 });
    expect(imageFacts({ ...dx, "00280030": ds(0.2, 0.2), "00280A02": cs("FIDUCIAL") }, 1).scale).toBe("patient");
    const magnified = imageFacts({ ...dx, "00181114": ds(1.25) }, 1);
    expect(magnified.scale).toBe("patient");
    expect(magnified.columnSpacingMm).toBeCloseTo(0.16);
  });
  it("is not known otherwise", () => {
    expect(imageFacts(bare, 1)).toMatchObject({ scale: "unknown", columnSpacingMm: 1 });
    expect(imageFacts({ ...bare, "00280030": ds(0, 0) }, 1).scale).toBe("unknown");
  });
});

describe("tables", () => {
  it("of modality values are read from their words, and 0 entries mean 65,536", () => {
    const lut = (count: number, words: Uint16Array) => ({
      "00283002": us(count, 10, 16),
      "00283006": { vr: "OW", InlineBinary: btoa(String.fromCharCode(...new Uint8Array(words.buffer))) },
    });
    const facts = imageFacts({ ...CT, "00283000": sq(lut(2, Uint16Array.of(7, 513))) }, 1);
    expect(facts.modalityLut).toMatchObject({ first: 10, bits: 16 });
    expect([...(facts.modalityLut?.entries ?? [])]).toEqual([7, 513]);
    expect(imageFacts({ ...CT, "00283000": sq(lut(0, Uint16Array.of(7, 513))) }, 1).modalityLut).toBeNull();
  });
});

describe("the first value of a VOI table", () => {
  const firstOf = (first: number, more: DataSet) => {
    const words = { vr: "OW", InlineBinary: btoa("\0\0\x01\0") };
    return imageFacts({ ...CT, "00283010": sq({ "00283002": us(2, first, 16), "00283006": words }), ...more }, 1).voiLut?.first;
  };
  it("is below 0 where it was written without a sign, and values are", () => {
    expect(firstOf(64512, { "00281052": ds(-1024) })).toBe(-1024);
    expect(firstOf(32768, { "00281052": ds(-1024) })).toBe(-32768);
    expect(firstOf(64512, { "00281052": ds(0), "00280103": us(1) })).toBe(-1024);
  });
  it("is as it was sent otherwise", () => {
    expect(firstOf(32767, { "00281052": ds(-1024) })).toBe(32767);
    expect(firstOf(-1024, { "00281052": ds(-1024) })).toBe(-1024);
    expect(firstOf(40000, { "00281052": ds(0), "00280103": us(0) })).toBe(40000);
  });
});

describe("ultrasound", () => {
  const region = (unit: number): DataSet => ({
    "00186012": us(1),
    "00186018": us(10), "0018601A": us(20), "0018601C": us(110), "0018601E": us(220),
    "00186024": us(unit), "00186026": us(unit),
    "0018602C": { vr: "FD", Value: [0.01] },
    "0018602E": { vr: "FD", Value: [-0.02] },
  });
  it("has a scale in each region that is in centimetres", () => {
    const { ultrasound } = imageFacts({ ...CT, "00186011": sq(region(3), region(4)) }, 1);
    expect(ultrasound).toEqual([{ left: 10, top: 20, right: 110, bottom: 220, mmPerColumn: 0.1, mmPerRow: 0.2 }]);
  });
});
