/** Reading the DICOM JSON model (PS3.18 Annex F) that `/dicomweb` answers with. */

export interface Element {
  vr: string;
  Value?: unknown[];
  BulkDataURI?: string;
  InlineBinary?: string;
}

/** Elements by their eight hexadecimal digits, as in the standard. */
export type DataSet = Record<string, Element | undefined>;

export function numbersOf(dataSet: DataSet, tag: string): number[] {
  return (dataSet[tag]?.Value ?? [])
    .map((value) => (typeof value === "string" && value.trim() !== "" ? Number(value) : value))
    .filter((value): value is number => typeof value === "number" && Number.isFinite(value));
}

/** The first number; null: absent, empty or no number. */
export function numberOf(dataSet: DataSet, tag: string): number | null {
  return numbersOf(dataSet, tag)[0] ?? null;
}

export function textsOf(dataSet: DataSet, tag: string): string[] {
  return (dataSet[tag]?.Value ?? []).filter((value) => typeof value === "string");
}

/** The first text, without padding; empty: absent. */
export function textOf(dataSet: DataSet, tag: string): string {
  return textsOf(dataSet, tag)[0]?.trim() ?? "";
}

export function itemsOf(dataSet: DataSet, tag: string): DataSet[] {
  return (dataSet[tag]?.Value ?? []).filter(
    (value): value is DataSet => typeof value === "object" && value !== null,
  );
}

/** Exactly `count` numbers, or null. */
export function vectorOf(dataSet: DataSet, tag: string, count: number): number[] | null {
  const numbers = numbersOf(dataSet, tag);
  return numbers.length === count ? numbers : null;
}

/** Sixteen-bit words, little endian, of an element sent inline; null: none, or elsewhere. */
export function wordsOf(dataSet: DataSet, tag: string): Uint16Array | null {
  const element = dataSet[tag];
  if (element?.InlineBinary !== undefined) {
    const bytes = Uint8Array.from(atob(element.InlineBinary), (one) => one.charCodeAt(0));
    return new Uint16Array(bytes.buffer, 0, bytes.byteLength >> 1);
  }
  const numbers = numbersOf(dataSet, tag);
  return numbers.length > 0 ? Uint16Array.from(numbers) : null;
}
