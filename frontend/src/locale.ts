/** The language of the page and the locale of its dates and numbers: chosen here, or the browser's. */
import { forget, LANGUAGE, remember, remembered } from "./local";

/** The languages by their own names. */
export const LANGUAGES = { en: "English", de: "Deutsch", ar: "العربية" };
export type Language = keyof typeof LANGUAGES;

const isKnown = (name: string | null): name is Language => name !== null && Object.hasOwn(LANGUAGES, name);

/** The first of the browser's languages that the page knows; else English. */
export function preferred(languages: readonly string[]): Language {
  return languages.map((tag) => tag.split("-")[0]!).find(isKnown) ?? "en";
}

/** The chosen language; null where it follows the browser. */
export function chosenLanguage(): Language | null {
  const stored = remembered(LANGUAGE);
  return isKnown(stored) ? stored : null;
}

/** Texts are read once, so the page is loaded again; drafts and running turns survive that. */
export function chooseLanguage(chosen: Language | null): void {
  if (chosen === null) forget(LANGUAGE);
  else remember(LANGUAGE, chosen);
  location.reload();
}

const spoken: readonly string[] = typeof navigator === "undefined" ? [] : navigator.languages; // none outside of a browser

export const language: Language = chosenLanguage() ?? preferred(spoken);

export const direction = language === "ar" ? "rtl" : "ltr";

/** The browser's region of that language ("en-GB"). Arabic has Latin digits, as the ids and code on the pages have. */
export const locale = language === "ar" ? "ar-u-nu-latn" : (spoken.find((tag) => tag.split("-")[0] === language) ?? language);
