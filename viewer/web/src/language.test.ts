import { describe, expect, it } from "vitest";

import { chooseLanguage, language, locale, wished } from "./language";

describe("the language of the page", () => {
  it.each([
    [["fr-CH", "en"], "fr"],
    [["de", "fr"], "fr"],
    [["en-GB", "fr"], "en"],
    [["FR"], "fr"],
    [["de"], "en"],
    [[], "en"],
  ])("for a browser that wishes %j is %s", (wishes, chosen) => {
    expect(wished(wishes)).toBe(chosen);
  });

  it("is the one chosen, and dates follow it", () => {
    chooseLanguage("fr");
    expect(language()).toBe("fr");
    expect(locale()).toMatch(/^fr/);
    chooseLanguage("en");
    expect(locale()).toMatch(/^en/);
  });
});
