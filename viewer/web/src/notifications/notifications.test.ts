import { expect, it } from "vitest";

import { isLeft, isSilent, type Notification, pathOf } from "./notifications";

it("a page is asked for by its state and where it goes on", () => {
  expect(pathOf(null, null)).toBe("/api/notifications");
  expect(pathOf("parked", null)).toBe("/api/notifications?state=parked");
  expect(pathOf("too_late", 17)).toBe("/api/notifications?state=too_late&before=17");
});

it("a channel is silent when nobody has looked for its flags for two minutes", () => {
  const at = "2026-03-02T12:00:00Z";
  const later = (seconds: number) => new Date(at).getTime() + seconds * 1000;
  expect(isSilent({ name: "pager", looked_at: at }, later(120))).toBe(false);
  expect(isSilent({ name: "pager", looked_at: at }, later(121))).toBe(true);
  expect(isSilent({ name: "pager", looked_at: at }, later(-121))).toBe(true); // a clock was ahead
  expect(isSilent({ name: "pager", looked_at: null }, later(0))).toBe(true);
});

it("what waits for a channel that is set no longer is told apart from what is over", () => {
  const waiting = { state: "waiting", channel: "fax" } as Notification;
  const pager = { name: "pager", looked_at: null };
  expect(isLeft(waiting, [pager])).toBe(true);
  expect(isLeft(waiting, [pager, { ...pager, name: "fax" }])).toBe(false);
  expect(isLeft({ ...waiting, state: "parked" }, [])).toBe(false);
});
