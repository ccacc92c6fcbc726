import { expect, it } from "vitest";

import { lastHeard } from "./live";

it("an event without a number does not make the page forget what it heard last", () => {
  expect(lastHeard("", { lastEventId: "" })).toBe("");
  expect(lastHeard("", { lastEventId: "7" })).toBe("7");
  expect(lastHeard("7", { lastEventId: "" })).toBe("7");
  expect(lastHeard("7", { lastEventId: "9" })).toBe("9");
});
