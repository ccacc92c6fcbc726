import ts from "typescript";
import { describe, expect, it } from "vitest";

import { type Language, LANGUAGES } from "./language";
import en from "./locales/en.json";
import fr from "./locales/fr.json";

const LOCALES: Record<Language, Tree> = { en, fr };
const SOURCES = import.meta.glob<string>(["./**/*.{ts,tsx}", "!./**/*.test.ts"], {
  query: "?raw",
  import: "default",
  eager: true,
});

type Tree = string | { [name: string]: Tree };

/** Every text by its whole key, for example "row.images_other". */
function textsOf(language: Language): Map<string, string> {
  const flat = new Map<string, string>();
  const walk = (tree: Tree, key: string) => {
    if (typeof tree === "string") flat.set(key, tree);
    else for (const [name, part] of Object.entries(tree)) walk(part, key === "" ? name : `${key}.${name}`);
  };
  walk(LOCALES[language], "");
  return flat;
}

const TEXTS = new Map(LANGUAGES.map((language) => [language, textsOf(language)]));
const PLURAL = /_(zero|one|two|few|many|other)$/;

function withoutPlural(key: string): string {
  return key.replace(PLURAL, "");
}

/** The names in a text's {{placeholders}}, each once. */
function placeholders(text: string): string[] {
  const names = [...text.matchAll(/{{(\w+)(?:, *number)?}}/g)].map(([, name = ""]) => name);
  return [...new Set(names)].toSorted();
}

interface Call {
  where: string;
  key: string | null; // null: cannot be read from the source
  given: string[] | null; // names of the values; null: cannot be read from the source
}

/** What a key can be: "${…}" of a template stands for one name without a dot. */
function keysOf(node: ts.Expression | undefined): (string | null)[] {
  if (node === undefined) return [null];
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...keysOf(node.whenTrue), ...keysOf(node.whenFalse)];
  if (ts.isTemplateExpression(node)) {
    return [node.head.text + node.templateSpans.map(({ literal }) => `*${literal.text}`).join("")];
  }
  return [null];
}

function valuesOf(node: ts.Expression | undefined): string[] | null {
  if (node === undefined) return [];
  if (!ts.isObjectLiteralExpression(node)) return null;
  const names = node.properties.map(({ name }) => name?.getText() ?? null);
  return names.some((name) => name === null) ? null : names.map(String).toSorted();
}

/** Every `t(…)` of the client; `say` is its other name where a component has its own `t`. */
function calls(): Call[] {
  return Object.entries(SOURCES).flatMap(([name, text]) => {
    const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
    const found: Call[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && ["t", "say"].includes(node.expression.getText())) {
        const where = `${name}:${source.getLineAndCharacterOfPosition(node.pos).line + 1}`;
        const [key, values] = node.arguments;
        for (const one of keysOf(key)) found.push({ where, key: one, given: valuesOf(values) });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
}

function matches(pattern: string, key: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^.]+")}$`).test(withoutPlural(key));
}

const CALLS = calls();

describe.each(LANGUAGES)("the texts in %s", (language) => {
  const texts = TEXTS.get(language) ?? new Map<string, string>();
  const english = TEXTS.get("en") ?? new Map<string, string>();
  const pluralForms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;

  it("have the keys of all languages, and of plurals each form the language has", () => {
    const expected = [...english.keys()].flatMap((key) =>
      PLURAL.test(key) ? pluralForms.map((form) => `${withoutPlural(key)}_${form}`) : [key],
    );
    expect([...texts.keys()].toSorted()).toEqual([...new Set(expected)].toSorted());
  });

  it("have the placeholders of the English ones, well formed", () => {
    for (const [key, text] of texts) {
      const original = english.get(key) ?? english.get(`${withoutPlural(key)}_other`) ?? "";
      expect([key, placeholders(text)]).toEqual([key, placeholders(original)]);
      expect([key, text.replace(/{{\w+(, number)?}}/g, "")]).not.toEqual([key, expect.stringMatching(/[{}]/)]);
    }
  });

  it("are not empty, and have no space at an end", () => {
    const wrong = [...texts].filter(([, text]) => text === "" || text !== text.trim());
    expect(wrong).toEqual([]);
  });
});

describe("the French texts", () => {
  it("have non-breaking spaces before high punctuation and inside quotation marks", () => {
    const wrong = [...(TEXTS.get("fr") ?? [])].filter(
      ([, text]) =>
        /[^\u00a0]:(?=\s|$)|[^\u202f][;!?]|«[^\u00a0]|[^\u00a0]»/u.test(text) || text.includes("'"),
    );
    expect(wrong, 'U+00A0 before ":" and inside « », U+202F before ";!?", ’ and not \'').toEqual([]);
  });
});

describe("the client", () => {
  it("asks for texts by keys that can be read from its source", () => {
    expect(CALLS.length).toBeGreaterThan(100);
    expect(CALLS.filter(({ key }) => key === null)).toEqual([]);
  });

  it("asks for no text that is not there", () => {
    const keys = [...(TEXTS.get("en") ?? new Map<string, string>()).keys()];
    expect(CALLS.filter(({ key }) => !keys.some((one) => matches(key ?? "", one)))).toEqual([]);
  });

  it("uses every text", () => {
    const unused = [...(TEXTS.get("en") ?? new Map<string, string>()).keys()].filter(
      (key) => !CALLS.some((call) => matches(call.key ?? "", key)),
    );
    expect(unused).toEqual([]);
  });

  it("gives each text the values that it asks for", () => {
    const english = TEXTS.get("en") ?? new Map<string, string>();
    for (const { where, key, given } of CALLS) {
      for (const [one, text] of english) {
        if (!matches(key ?? "", one) || given === null) continue;
        expect([where, one, given]).toEqual([where, one, placeholders(text)]);
      }
    }
  });
});
