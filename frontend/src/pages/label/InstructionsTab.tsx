/** What labelers are asked to do. */
import { useInstructions } from "../../api/labeling";
import { Markdown } from "../../components/markdown/Markdown";
import { Heading, Read } from "../operator/Parts";

export function InstructionsTab() {
  const query = useInstructions();
  return (
    <Read query={query}>
      {({ text, version }) => (
        <div className="mx-auto max-w-3xl">
          <Heading title="Instructions" hint={`Version ${version}. Each task records the version that you were shown.`} />
          <Markdown text={underTitle(text)} />
        </div>
      )}
    </Read>
  );
}

/** The text without its title, which the page says itself; its headings come one level up. */
function underTitle(text: string): string {
  return text.split("\n").slice(1).join("\n").replaceAll(/^#(?=#)/gm, "");
}
