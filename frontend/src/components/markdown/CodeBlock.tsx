/** A block of code with its language, a copy button and, once the highlighter is there, colours. */
import { Check, Copy } from "lucide-react";
import { useEffect, useState, type CSSProperties } from "react";
import type { ThemedToken } from "shiki/core";
import { copyText } from "../../browser";
import { t } from "../../i18n";

const COPIED_MS = 1500;

export function CodeBlock({ code, language }: { code: string; language?: string }) {
  const lines = useHighlight(code, language);
  const [copied, setCopied] = useState(false);

  async function copy(button: Element) {
    await copyText(code, button);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  }

  return (
    <div className="my-3 overflow-hidden rounded-xl border border-line bg-surface">
      <div className="flex items-center justify-between border-b border-line py-1 pe-1.5 ps-4 text-xs text-muted">
        <span>{language ?? "text"}</span>
        <button
          type="button"
          onClick={(event) => void copy(event.currentTarget)}
          className="inline-flex items-center gap-1.5 rounded-md px-2 py-1 hover:bg-panel hover:text-ink"
        >
          {copied ? <Check aria-hidden className="size-3.5" /> : <Copy aria-hidden className="size-3.5" />}
          {copied ? t("Copied") : t("Copy")}
        </button>
      </div>
      <pre tabIndex={0} className="overflow-x-auto p-4 font-mono text-[13px] leading-relaxed">
        <code>{lines ? lines.map((line, index) => <Line key={index} tokens={line} />) : code}</code>
      </pre>
    </div>
  );
}

function Line({ tokens }: { tokens: ThemedToken[] }) {
  return (
    <>
      {tokens.map((token, index) => (
        <span key={index} className="shiki-token" style={token.htmlStyle as CSSProperties}>
          {token.content}
        </span>
      ))}
      {"\n"}
    </>
  );
}

function useHighlight(code: string, language: string | undefined): ThemedToken[][] | null {
  const [result, setResult] = useState<{ code: string; lines: ThemedToken[][] } | null>(null);
  useEffect(() => {
    if (!language) return;
    let current = true;
    void import("./highlight")
      .then(({ highlight }) => highlight(code, language))
      .then((lines) => current && lines && setResult({ code, lines }));
    return () => {
      current = false;
    };
  }, [code, language]);
  return result?.code === code ? result.lines : null;
}
