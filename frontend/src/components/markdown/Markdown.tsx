/** Markdown written by a policy or a person: no raw HTML, links in a new tab, highlighted code, typeset maths. */
import "katex/dist/katex.min.css";
import clsx from "clsx";
import type { Root as HtmlRoot } from "hast";
import type { Root } from "mdast";
import { Component, memo, type ComponentProps, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import rehypeKatex from "rehype-katex";
import remarkBreaks from "remark-breaks";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import { visit } from "unist-util-visit";
import { t } from "../../i18n";
import { CodeBlock } from "./CodeBlock";
import { isCostly } from "./cost";
import { withDollarMath } from "./mathDelimiters";

/** HTML is shown as text, except for a line break. */
function remarkHtmlBreaks() {
  return (tree: Root) =>
    visit(tree, "html", (node, index, parent) => {
      if (parent && index !== undefined && /^<br\s*\/?>$/i.test(node.value.trim())) parent.children[index] = { type: "break" };
    });
}

/** Each block has the direction of its own text: its list marks, quote bar and columns too. */
function rehypeDirection() {
  return (tree: HtmlRoot) => {
    for (const block of tree.children) if (block.type === "element") block.properties.dir = "auto";
  };
}

/** A single dollar sign is money, a double one is maths. */
const PLUGINS: ComponentProps<typeof ReactMarkdown>["remarkPlugins"] = [
  remarkGfm,
  remarkBreaks,
  remarkHtmlBreaks,
  [remarkMath, { singleDollarTextMath: false }],
];
const HTML_PLUGINS: ComponentProps<typeof ReactMarkdown>["rehypePlugins"] = [
  rehypeDirection,
  [rehypeKatex, { throwOnError: false, trust: false, maxExpand: 100 }],
];

const COMPONENTS: Components = {
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children }) => {
    const text = String(children);
    const language = /language-(\S+)/.exec(className ?? "")?.[1];
    const block = language !== undefined || text.includes("\n");
    return block ? <CodeBlock code={text.replace(/\n$/, "")} language={language} /> : <code>{children}</code>;
  },
  // The page has its own first heading.
  h1: ({ children, dir }) => <h2 dir={dir}>{children}</h2>,
  h2: ({ children, dir }) => <h3 dir={dir}>{children}</h3>,
  h3: ({ children, dir }) => <h4 dir={dir}>{children}</h4>,
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noreferrer noopener nofollow">
      {children}
    </a>
  ),
  img: ({ alt, src }) => <Picture alt={alt} src={src} />,
  input: ({ checked }) => <input type="checkbox" checked={checked} readOnly disabled aria-label={checked ? t("Done") : t("To do")} />,
  table: ({ children, dir }) => (
    <div className="table-wrap" tabIndex={0} role="region" aria-label={t("Table")}>
      <table dir={dir}>{children}</table>
    </div>
  ),
};

/** Pictures are not fetched: a policy must not make a browser call an address of its choice. */
function Picture({ alt, src }: Pick<ComponentProps<"img">, "alt" | "src">) {
  return (
    <a href={typeof src === "string" ? src : undefined} target="_blank" rel="noreferrer noopener nofollow">
      {alt || t("Picture")}
    </a>
  );
}

function PlainText({ text }: { text: string }) {
  return (
    <div dir="auto" className="whitespace-pre-wrap">
      {text}
    </div>
  );
}

/** Text whose Markdown cannot be shown is shown as it is. */
class PlainTextOnError extends Component<{ text: string; children: ReactNode }, { failed: string | null }> {
  override state = { failed: null as string | null };

  static getDerivedStateFromError() {
    return { failed: "" };
  }

  override componentDidCatch() {
    this.setState({ failed: this.props.text });
  }

  override render() {
    const { failed } = this.state;
    const { text, children } = this.props;
    return failed === "" || failed === text ? <PlainText text={text} /> : children;
  }
}

/** `lang=""`: the language is unknown. While the text grows, a browser's translator leaves it alone. */
export const Markdown = memo(function Markdown({ text, streaming }: { text: string; streaming?: boolean }) {
  return (
    <div key={streaming ? "streaming" : "whole"} lang="" translate={streaming ? "no" : "yes"} className={clsx("prose", streaming && "streaming")}>
      {isCostly(text) ? (
        <PlainText text={text} />
      ) : (
        <PlainTextOnError text={text}>
          <ReactMarkdown remarkPlugins={PLUGINS} rehypePlugins={HTML_PLUGINS} components={COMPONENTS}>
            {withDollarMath(text)}
          </ReactMarkdown>
        </PlainTextOnError>
      )}
    </div>
  );
});
