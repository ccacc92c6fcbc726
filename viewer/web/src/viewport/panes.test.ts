import { expect, it } from "vitest";

import type { Series } from "../api";
import { bestMatch } from "./panes";

const series = (modality: string, description: string, count: number): Series => ({
  series_instance_uid: description, modality, description, body_part: "",
  instances: Array.from({ length: count }, (_, at) => ({
    sop_instance_uid: `${description}.${at}`, instance_number: at, number_of_frames: 1, rows: 8, columns: 8,
  })),
});

it("an earlier study shows the series most like the one that is open", () => {
  const open = series("CT", "HEAD 5.0", 30);
  const others = [series("DX", "HEAD 5.0", 30), series("CT", "BONE", 31), series("CT", "HEAD 5.0", 60), series("CT", "EMPTY", 0)];
  expect(bestMatch(open, others)).toBe(2);
  expect(bestMatch(open, [series("CT", "A", 90), series("CT", "B", 32)])).toBe(1);
  expect(bestMatch(open, [series("CT", "EMPTY", 0)])).toBeNull();
});
