/** An empty conversation: a greeting and a few starter prompts. */
import { ArrowUpRight } from "lucide-react";
import type { Session } from "../../api/types";
import { t } from "../../i18n";

interface WelcomeProps {
  starters: Session["starters"];
  onPick: (text: string) => void;
}

export function Welcome({ starters, onPick }: WelcomeProps) {
  return (
    <section className="mx-auto flex w-full max-w-3xl flex-1 flex-col justify-center px-4 py-10 sm:px-6">
      <h2 className="animate-rise font-serif text-[clamp(2rem,5vw,2.75rem)] leading-[1.1] font-medium tracking-[-0.02em]">
        {t("What would you like to know?")}
      </h2>
      <p className="mt-3 max-w-lg animate-rise text-muted">
        {t("This assistant is trained on feedback from its users. Rate its answers, or show it what a better answer looks like. Its base model was trained on English; answers in other languages are poor.")}
      </p>
      <ul className="mt-8 grid gap-2.5 sm:grid-cols-2">
        {starters.map(({ title, text }) => (
          <li key={title}>
            <button
              type="button"
              onClick={() => onPick(text)}
              className="group h-full w-full animate-rise rounded-2xl border border-line bg-surface px-4 py-3.5 text-start transition-colors hover:border-line-strong hover:shadow-soft"
            >
              <span className="flex items-center justify-between text-sm font-medium">
                {title}
                <ArrowUpRight aria-hidden className="size-4 text-faint transition-colors group-hover:text-accent" />
              </span>
              <span className="mt-1 block text-sm text-muted">{text}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
