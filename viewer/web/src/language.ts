/** The language of the page: chosen by the person, else the browser's; also for dates and numbers. */

import i18next from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";

import en from "./locales/en.json";
import fr from "./locales/fr.json";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    strictKeyChecks: true;
  }
}

export type Language = "en" | "fr";

/** Each in its own words, so that who lost the way finds it back. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  en: "English",
  fr: "Français",
};

export const LANGUAGES = Object.keys(LANGUAGE_NAMES) as Language[];

const CHOICE = "vigie-language"; // in this browser

/** Begin with what the person chose here before, else what the browser asks for. */
export function startLanguage(language: Language = keptChoice() ?? wished(navigator.languages)): void {
  void i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: "en",
    resources: { en: { translation: en }, fr: { translation: fr } },
    interpolation: { escapeValue: false }, // React writes text as text, never as HTML
    initAsync: false,
  });
  i18next.on("languageChanged", tellDocument);
  tellDocument();
}

/** The first language of a browser's wishes that there is here. */
export function wished(tags: readonly string[]): Language {
  const wishes = tags.map((tag) => tag.toLowerCase().split("-")[0]);
  return wishes.map(asLanguage).find((language) => language !== null) ?? "en";
}

export function whenLanguageChanges(listener: () => void): void {
  i18next.on("languageChanged", listener);
}

export function chooseLanguage(language: Language): void {
  try {
    localStorage.setItem(CHOICE, language);
  } catch {
    // A browser that keeps nothing: the choice holds as long as the page.
  }
  void i18next.changeLanguage(language);
}

function keptChoice(): Language | null {
  try {
    return asLanguage(localStorage.getItem(CHOICE) ?? undefined);
  } catch {
    return null;
  }
}

function asLanguage(name: string | undefined): Language | null {
  return LANGUAGES.find((language) => language === name) ?? null;
}

function tellDocument(): void {
  if (typeof document === "undefined") return; // in tests
  document.documentElement.lang = language();
  document.title = t("app.title");
}

/** The language in use; in a component take `useLanguage`. */
export function language(): Language {
  return asLanguage(i18next.language) ?? "en";
}

/** The language in use; renders again when it changes. */
export function useLanguage(): Language {
  useTranslation();
  return language();
}

/** Words outside of components, which take `t` of `useTranslation` so that they render again. */
export const t = i18next.t;

/** The tag that dates and numbers are written by: the reader's own region where it fits. */
export function locale(): string {
  const chosen = language();
  const own = navigator.languages.find((tag) => tag.toLowerCase().startsWith(`${chosen}-`));
  return own ?? chosen;
}

const dateFormats = new Map<string, Intl.DateTimeFormat>();
const numberFormats = new Map<string, Intl.NumberFormat>();

export function dateFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return kept(dateFormats, options, (tag) => new Intl.DateTimeFormat(tag, options));
}

export function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return kept(numberFormats, options, (tag) => new Intl.NumberFormat(tag, options));
}

/** Making a format is slow, and a list asks for hundreds. */
function kept<F>(formats: Map<string, F>, options: object, make: (tag: string) => F): F {
  const tag = locale();
  const key = `${tag} ${JSON.stringify(options)}`;
  const format = formats.get(key) ?? make(tag);
  formats.set(key, format);
  return format;
}
