/** Colours for code in the languages that answers use most. Loaded when the first block appears. */
import { createHighlighterCore, type HighlighterCore, type ThemedToken } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";

const LANGUAGES = [
  import("shiki/langs/python.mjs"),
  import("shiki/langs/typescript.mjs"),
  import("shiki/langs/javascript.mjs"),
  import("shiki/langs/json.mjs"),
  import("shiki/langs/shellscript.mjs"),
  import("shiki/langs/sql.mjs"),
  import("shiki/langs/html.mjs"),
  import("shiki/langs/css.mjs"),
];

let highlighter: Promise<HighlighterCore> | undefined;

function load(): Promise<HighlighterCore> {
  highlighter ??= createHighlighterCore({
    themes: [import("shiki/themes/github-light-default.mjs"), import("shiki/themes/github-dark-default.mjs")],
    langs: LANGUAGES,
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
  return highlighter;
}

/** Tokens by line with both themes' colours as custom properties; null for an unknown language. */
export async function highlight(code: string, language: string): Promise<ThemedToken[][] | null> {
  const shiki = await load();
  const lang = shiki.getLoadedLanguages().find((known) => known === language.toLowerCase());
  if (!lang) return null;
  return shiki.codeToTokens(code, {
    lang,
    themes: { light: "github-light-default", dark: "github-dark-default" },
    defaultColor: false,
    cssVariablePrefix: "--token-",
  }).tokens;
}
