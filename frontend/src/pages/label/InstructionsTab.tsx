/** The labeling instructions. */
import { useInstructions } from "../../api/labeling";
import { Markdown } from "../../components/markdown/Markdown";
import { PageHeading } from "../../components/PageHeading";
import { QueryResult } from "../../components/feedback/QueryResult";
import { t } from "../../i18n";

export function InstructionsTab() {
  const query = useInstructions();
  return (
    <QueryResult query={query}>
      {({ text, version }) => (
        <div className="mx-auto max-w-3xl">
          <PageHeading title={t("Instructions")} hint={t("Version {{version}}. Each task records the version that you were shown.", { version })} />
          <Markdown text={underTitle(text)} />
        </div>
      )}
    </QueryResult>
  );
}

/** The text without its title, which the page shows itself; headings move one level up. */
function underTitle(text: string): string {
  return text.split("\n").slice(1).join("\n").replaceAll(/^#(?=#)/gm, "");
}
