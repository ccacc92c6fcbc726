import { describe, expect, it } from "vitest";

import { colourPixels, greyPixels, isPlain, onePart, storedValues } from "./pixels";
import { FACTS } from "./testFacts";
import { windowOfAll } from "./windows";

const words = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
const text = (said: string) => Uint8Array.from(said, (one) => one.charCodeAt(0));
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

describe("a multipart answer", () => {
  const type = 'multipart/related; type="application/octet-stream"; boundary=xyz';
  const body = Uint8Array.of(1, 13, 10, 45, 45, 2); // CR LF - - among the pixels
  const head = "--xyz\r\nContent-Type: application/octet-stream\r\n";
  it("gives its part, whatever bytes are in it", () => {
    const sent = joined(text(`${head}\r\n`), body, text("\r\n--xyz--\r\n"));
    expect([...onePart(sent.buffer, type)]).toEqual([...body]);
  });
  it("gives as much as its length says", () => {
    const sent = joined(text(`${head}Content-Length: 6\r\n\r\n`), body, text("\r\n--xyz--"));
    expect([...onePart(sent.buffer, type)]).toEqual([...body]);
  });
  it("that breaks off is an error, and a plain answer is whole", () => {
    expect(() => onePart(joined(text(`${head}\r\n`), body).buffer, type)).toThrow("does not end");
    expect([...onePart(body.buffer, "application/octet-stream")]).toEqual([...body]);
  });
});

describe("stored values", () => {
  it("are signed by the highest bit that is stored, and the bits above it do not count", () => {
    const bytes = words(0xf000, 0x0fff, 0x0800, 0x07ff);
    expect([...storedValues(bytes, FACTS)]).toEqual([0, 4095, 2048, 2047]);
    expect([...storedValues(bytes, { ...FACTS, signed: true })]).toEqual([0, -1, -2048, 2047]);
  });
  it("of 8, 16 and 32 bits", () => {
    const one = { ...FACTS, columns: 1 };
    expect([...storedValues(Uint8Array.of(255), { ...one, bitsAllocated: 8, bitsStored: 8 })]).toEqual([255]);
    expect([...storedValues(Uint8Array.of(255), { ...one, bitsAllocated: 8, bitsStored: 8, signed: true })]).toEqual([-1]);
    expect([...storedValues(words(0x8000), { ...one, bitsStored: 16, signed: true })]).toEqual([-32768]);
    expect([...storedValues(words(1, 1), { ...one, bitsAllocated: 32, bitsStored: 32 })]).toEqual([65537]);
  });
  it("that are too few are an error", () => {
    expect(() => storedValues(words(1, 2, 3), FACTS)).toThrow("6 bytes instead of 8");
  });
});

describe("floating point", () => {
  const single = { ...FACTS, stored: "float", bitsAllocated: 32, unit: "" } as const;
  const bytes = (values: Float32Array | Float64Array) => new Uint8Array(values.buffer);
  it("of single and of double precision is read as it is", () => {
    const values = Float32Array.of(0.25, -1.5, 1e6, 0);
    expect([...greyPixels(bytes(values), single).values]).toEqual([...values]);
    const double = { ...single, stored: "double", bitsAllocated: 64 } as const;
    expect([...greyPixels(bytes(Float64Array.of(0.25, -1.5, 1e6, 0)), double).values]).toEqual([...values]);
    expect([isPlain(single), isPlain(double), isPlain({ ...double, bitsAllocated: 32 })]).toEqual([true, true, false]);
  });
  it("opens in all of its range, whatever its size", () => {
    expect(greyPixels(bytes(Float32Array.of(0, 0.5, 1, 0.25)), single).window).toEqual({ center: 0.5, width: 1 });
    const half = greyPixels(bytes(Float32Array.of(0, 1, 2, 4)), { ...single, slope: 0.5, intercept: 1 });
    expect(half).toMatchObject({ lowest: 1, highest: 3, window: { center: 2, width: 2 } });
  });
  it("that is no number is drawn as the lowest and measured as nothing; padding is left out", () => {
    const made = greyPixels(bytes(Float32Array.of(NaN, Infinity, 2, 3)), single);
    expect([...made.drawn]).toEqual([2, 2, 2, 3]);
    expect([...made.values]).toEqual([NaN, Infinity, 2, 3]);
    expect(greyPixels(bytes(Float32Array.of(-9999, 1, 2, 3)), { ...single, padding: [-9999, -9999] }).lowest).toBe(1);
  });
  it("that is too short is an error", () => {
    expect(() => greyPixels(bytes(Float32Array.of(1)), single)).toThrow("4 bytes instead of 16");
  });
});

describe("modality values", () => {
  it("are Hounsfield units through slope and intercept, in whole numbers where that holds them", () => {
    const { values } = greyPixels(words(0, 1024, 4095, 24), { ...FACTS, intercept: -1024 });
    expect(values).toBeInstanceOf(Int16Array);
    expect([...values]).toEqual([-1024, 0, 3071, -1000]);
    const half = greyPixels(words(0, 1, 2, 3), { ...FACTS, slope: 0.5 });
    expect(half.values).toBeInstanceOf(Float32Array);
    expect([...half.values]).toEqual([0, 0.5, 1, 1.5]);
    const large = greyPixels(words(4095, 0, 0, 0), { ...FACTS, slope: 20 });
    expect(large.values[0]).toBe(81900);
  });
  it("go through a table where there is one, its ends beyond its ends", () => {
    const modalityLut = { first: 10, bits: 16, entries: Uint16Array.of(100, 200) };
    expect([...greyPixels(words(0, 10, 11, 12), { ...FACTS, modalityLut }).values]).toEqual([100, 100, 200, 200]);
  });
});

describe("the window to begin with", () => {
  it("is the one sent", () => {
    const windows = [{ center: 40, width: 80 }];
    expect(greyPixels(words(0, 1, 2, 3), { ...FACTS, windows }).window).toEqual(windows[0]);
  });
  it("or else all values but padding", () => {
    const made = greyPixels(words(0, 10, 12, 13), { ...FACTS, padding: [0, 0] });
    expect(made).toMatchObject({ lowest: 10, highest: 13, window: { center: 12, width: 4 } });
    const only = greyPixels(words(5, 5, 5, 5), { ...FACTS, padding: [5, 5] });
    expect(only.window.width).toBe(1);
  });
  it("is a table's whole range where only a table was sent", () => {
    const voiLut = { first: 0, bits: 8, entries: Uint16Array.of(0, 128, 255) };
    const made = greyPixels(words(0, 1, 2, 3), { ...FACTS, unit: "", voiLut });
    expect([...made.drawn]).toEqual([0, 128, 255, 255]);
    expect(made.window).toEqual({ center: 128, width: 256 });
    expect([...made.values]).toEqual([0, 1, 2, 3]); // what a probe says is the value, not its grey
  });
  it("of a CT is the stretch over which its table rises, so that Hounsfield windows go on from there", () => {
    const voiLut = { first: -100, bits: 8, entries: Uint16Array.of(0, 0, 0, 100, 200, 255, 255) };
    const made = greyPixels(words(0, 1, 2, 3), { ...FACTS, unit: "HU", intercept: -100, voiLut });
    expect(made.window).toEqual(windowOfAll(-98, -95, false));
    expect(made.drawn).toBe(made.values);
    const falling = { ...voiLut, entries: Uint16Array.of(255, 100, 0) };
    expect([...greyPixels(words(0, 1, 2, 3), { ...FACTS, unit: "HU", intercept: -100, voiLut: falling }).drawn]).toEqual([255, 100, 0, 0]);
  });
});

it("padding does not glare in an inverted picture", () => {
  const facts = { ...FACTS, photometric: "MONOCHROME1", padding: [0, 0] as const };
  expect([...greyPixels(words(0, 10, 20, 0), facts).drawn]).toEqual([20, 10, 20, 20]);
  expect([...greyPixels(words(0, 10, 20, 0), facts).values]).toEqual([0, 10, 20, 0]);
});

it("nor does it where a table lies between", () => {
  const voiLut = { first: 0, bits: 8, entries: Uint16Array.of(0, 128, 200) };
  const facts = { ...FACTS, unit: "", photometric: "MONOCHROME1", padding: [0, 0] as const, voiLut };
  expect([...greyPixels(words(0, 1, 2, 0), facts).drawn]).toEqual([255, 128, 200, 255]);
  expect([...greyPixels(words(0, 1, 2, 0), { ...facts, photometric: "MONOCHROME2" }).drawn]).toEqual([0, 128, 200, 0]);
});

describe("colour", () => {
  const rgb = { ...FACTS, columns: 2, samples: 3, photometric: "RGB", bitsAllocated: 8, bitsStored: 8 };
  it("is brought pixel by pixel", () => {
    expect([...colourPixels(Uint8Array.of(1, 2, 3, 4, 5, 6), rgb)]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...colourPixels(Uint8Array.of(1, 4, 2, 5, 3, 6), { ...rgb, planar: true })]).toEqual([1, 2, 3, 4, 5, 6]);
  });
  it("in other spaces, palettes and single bits are left to the node", () => {
    expect(isPlain(FACTS)).toBe(true);
    expect(isPlain(rgb)).toBe(true);
    expect(isPlain({ ...rgb, photometric: "YBR_FULL_422" })).toBe(false);
    expect(isPlain({ ...FACTS, photometric: "PALETTE COLOR" })).toBe(false);
    expect(isPlain({ ...FACTS, bitsAllocated: 1 })).toBe(false);
  });
});
