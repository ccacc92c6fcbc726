import { expect, it } from "vitest";

import { isDead, type Message, pathOf, segmentsOf, type State } from "./messages";

it("all messages are asked for, or those that somebody has to look after", () => {
  expect(pathOf(false)).toBe("/api/hl7/messages?limit=200");
  expect(pathOf(true)).toBe("/api/hl7/messages?limit=200&dead=true");
});

it("what was refused or given up is a dead letter, and nothing else", () => {
  const of = (state: State) => isDead({ state } as Message);
  expect((["refused", "parked"] as const).every(of)).toBe(true);
  expect((["accepted", "ignored", "waiting", "superseded", "outdated", "dismissed"] as const).some(of)).toBe(false);
});

it("a message is shown segment by segment, however its lines end", () => {
  expect(segmentsOf("MSH|1\rPID|2\r\nOBR|3\n")).toEqual(["MSH|1", "PID|2", "OBR|3"]);
});
