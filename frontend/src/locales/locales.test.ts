/** Each catalogue has every text of the code, with its placeholders and plural forms, and no other. */
import ts from "typescript";
import { expect, test } from "vitest";
import { LANGUAGES, preferred } from "../locale";

const SOURCES = import.meta.glob<string>(["../**/*.{ts,tsx}", "!../**/*.test.ts", "!../api/schema.ts", "!../widget/**"], { query: "?raw", import: "default", eager: true });
const CATALOGUES = import.meta.glob<Record<string, string>>("./*.json", { import: "default", eager: true });
const languages = Object.keys(LANGUAGES);
const catalogue = (language: string) => CATALOGUES[`./${language}.json`]!;

/** The texts of the code, and of these the ones that have a plural. */
const texts = new Set<string>();
const plurals = new Set<string>();

function read(node: ts.Node): void {
  if (ts.isCallExpression(node) && node.expression.getText() === "t") {
    const [text, values] = node.arguments;
    if (!text || !ts.isStringLiteral(text)) throw new Error(`Not a text: ${node.getText()}`);
    texts.add(text.text);
    if (text.text.includes("{{count}}") && values) plurals.add(text.text);
  }
  if (ts.isJsxAttribute(node) && node.name.getText() === "i18nKey") {
    const value = node.initializer!;
    const text = ts.isJsxExpression(value) ? value.expression! : value;
    texts.add((text as ts.StringLiteral).text);
  }
  ts.forEachChild(node, read);
}

for (const [path, source] of Object.entries(SOURCES)) {
  if (/\bt\(|i18nKey/.test(source)) read(ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true));
}

const forms = (language: string, text: string) =>
  plurals.has(text) ? new Intl.PluralRules(language).resolvedOptions().pluralCategories.map((form) => `${text}_${form}`) : [text];

const marks = (text: string) => [...new Set(text.match(/\{\{\w+\}\}|<\/?\w+>/g))].sort();

test.each(languages.filter((each) => each !== "en"))("the catalogue %s is complete, with nothing unused", (language) => {
  const wanted = [...texts].flatMap((text) => forms(language, text));
  expect(Object.keys(catalogue(language)).sort()).toEqual(wanted.sort());
});

test("English is in the code; its catalogue has the singular forms only", () => {
  expect(Object.keys(catalogue("en")).sort()).toEqual([...plurals].map((text) => `${text}_one`).sort());
});

test.each(languages)("the texts of %s have the placeholders and tags of the English ones", (language) => {
  for (const [key, text] of Object.entries(catalogue(language))) {
    const english = key.replace(/_(zero|one|two|few|many|other)$/, "");
    const counted = english === key || /_(few|many|other)$/.test(key);
    const but = (all: string[]) => (counted ? all : all.filter((each) => each !== "{{count}}"));
    expect([key, but(marks(text))]).toEqual([key, but(marks(english))]);
  }
});

test("the language is the first of the browser's that the page knows", () => {
  expect(preferred(["fr-FR", "de-AT", "ar"])).toBe("de");
  expect(preferred(["fr"])).toBe("en");
});
