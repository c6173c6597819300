/** The texts of the page. The English text is the key; the other languages are catalogues in `locales/`, loaded when used. */
import i18next, { type FormatterModule } from "i18next";
import { initReactI18next } from "react-i18next";
import { figure } from "./figure";
import { direction, language } from "./locale";
import en from "./locales/en.json";

const CATALOGUES = import.meta.glob<Record<string, string>>(["./locales/*.json", "!./locales/en.json"], { import: "default" });

export { Trans } from "react-i18next";

/** Numbers in texts as they are elsewhere. */
const figures: FormatterModule = {
  type: "formatter",
  init: () => undefined,
  add: () => undefined,
  addCached: () => undefined,
  format: (value: unknown) => (typeof value === "number" ? figure(value) : String(value)),
};

void i18next.use(figures).use(initReactI18next).init({
  lng: "en",
  resources: { en: { translation: en } },
  initAsync: false,
  fallbackLng: false,
  keySeparator: false,
  nsSeparator: false,
  interpolation: {
    escapeValue: false, // React escapes
    alwaysFormat: true,
  },
});

/** The text in the language of the page; `{{name}}` stands for a value, and `count` chooses the plural form. */
export const t = (text: string, values: Record<string, string | number> = {}): string => i18next.t(text, values);

/** Loads the catalogue; to be awaited before the pages are imported, because they read texts while they load. */
export async function loadTexts(): Promise<void> {
  if (language === "en") return;
  i18next.addResourceBundle(language, "translation", await CATALOGUES[`./locales/${language}.json`]!());
  await i18next.changeLanguage(language);
  Object.assign(document.documentElement, { lang: language, dir: direction });
}
