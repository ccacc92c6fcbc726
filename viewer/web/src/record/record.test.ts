import { expect, it } from "vitest";

import { fromField, momentAfter, pathOf, toField } from "./record";

it("a moment is asked for with its zone, whatever signs it has", () => {
  expect(pathOf("1.2.3", "2026-03-02T02:31:00+01:00")).toBe(
    "/api/record/1.2.3?limit=50&at=2026-03-02T02%3A31%3A00%2B01%3A00",
  );
});

it("a field shows a moment in this workstation's time, and gives it back", () => {
  const at = "2026-03-02T02:31:07.000Z";
  expect(fromField(toField(at))).toBe(at);
  expect(toField(at)).toMatch(/^2026-03-0[123]T\d\d:\d\d:07$/);
});

it("what is no moment is none", () => {
  expect(fromField("")).toBeNull();
  expect(fromField("noon")).toBeNull();
});

it("the list after an event is that of a second later", () => {
  expect(momentAfter("2026-03-02T02:31:59.123456+00:00")).toBe("2026-03-02T02:32:00.123Z");
});
