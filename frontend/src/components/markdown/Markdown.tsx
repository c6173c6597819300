/** Markdown written by a policy: no raw HTML, links in a new tab, highlighted code, typeset maths. */
import "katex/dist/katex.min.css";
import clsx from "clsx";
import { memo, type ComponentProps } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import rehypeKatex from "rehype-katex";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import { CodeBlock } from "./CodeBlock";
import { withDollarMath } from "./mathDelimiters";

/** A single dollar sign is money, a double one is maths. */
const PLUGINS: ComponentProps<typeof ReactMarkdown>["remarkPlugins"] = [remarkGfm, [remarkMath, { singleDollarTextMath: false }]];
const MATHS: ComponentProps<typeof ReactMarkdown>["rehypePlugins"] = [[rehypeKatex, { throwOnError: false, trust: false, maxExpand: 100 }]];

const COMPONENTS: Components = {
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children }) => {
    const text = String(children);
    const language = /language-(\S+)/.exec(className ?? "")?.[1];
    const block = language !== undefined || text.includes("\n");
    return block ? <CodeBlock code={text.replace(/\n$/, "")} language={language} /> : <code>{children}</code>;
  },
  // The page has its own first heading.
  h1: ({ children }) => <h2>{children}</h2>,
  h2: ({ children }) => <h3>{children}</h3>,
  h3: ({ children }) => <h4>{children}</h4>,
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noreferrer noopener nofollow">
      {children}
    </a>
  ),
  img: ({ alt, src }) => <Picture alt={alt} src={src} />,
  table: ({ children }) => (
    <div className="table-wrap" tabIndex={0} role="region" aria-label="Table">
      <table>{children}</table>
    </div>
  ),
};

/** Pictures are not fetched: a policy must not make a browser call an address of its choice. */
function Picture({ alt, src }: Pick<ComponentProps<"img">, "alt" | "src">) {
  return (
    <a href={typeof src === "string" ? src : undefined} target="_blank" rel="noreferrer noopener nofollow">
      {alt || "Picture"}
    </a>
  );
}

export const Markdown = memo(function Markdown({ text, streaming }: { text: string; streaming?: boolean }) {
  return (
    <div className={clsx("prose", streaming && "streaming")}>
      <ReactMarkdown remarkPlugins={PLUGINS} rehypePlugins={MATHS} components={COMPONENTS}>
        {withDollarMath(text)}
      </ReactMarkdown>
    </div>
  );
});
