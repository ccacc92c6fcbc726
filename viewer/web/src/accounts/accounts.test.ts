import { expect, it } from "vitest";

import { whatResetDoes } from "./accounts";

it("a reset says what it does to a person's password", () => {
  const byPassword = { issuer: null, has_password: true };
  const byProvider = { issuer: "https://login", has_password: false };
  const byBoth = { ...byProvider, has_password: true };
  expect([byPassword, byProvider, byBoth].map((one) => whatResetDoes(one, true))).toEqual(["give", "give", "give"]);
  expect([byPassword, byProvider, byBoth].map((one) => whatResetDoes(one, false))).toEqual(["give", "end", "remove"]);
});
