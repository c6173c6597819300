/** One blind comparison: choose the better answer for each prompt; the policies are revealed at the end. */
import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { ChevronLeft } from "lucide-react";
import { useEffect, useState } from "react";
import { Link, useParams } from "react-router";
import { blind, useBlindTest, type BlindPair, type BlindShare, type BlindTest } from "../../../api/blind";
import { queryClient } from "../../../api/queries";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Markdown } from "../../../components/markdown/Markdown";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { t } from "../../../i18n";
import { OptionLetter, LETTERS } from "../../chat/compare/OptionLetter";
import { Card } from "../../../components/Card";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { ProgressBar } from "../../../components/feedback/ProgressBar";
import { QueryResult } from "../../../components/feedback/QueryResult";

export function BlindTestPage() {
  const { id } = useParams();
  const test = useBlindTest(id!);
  return (
    <>
      <BackLink to="/operator/policies/compare">{t("Blind comparison")}</BackLink>
      <QueryResult query={test}>{(data) => (data.result ? <ResultView test={data} result={data.result} /> : <RatingView test={data} />)}</QueryResult>
    </>
  );
}

function RatingView({ test }: { test: BlindTest }) {
  const next = test.pairs.findIndex((pair) => pair.judged === null);
  const [back, setBack] = useState<number | null>(null);
  const at = back ?? next;
  const pair = test.pairs[at]!;
  const judge = useMutation({
    mutationFn: (preferred: string | null) => blind.rate(test.id, pair.prompt_id, preferred),
    onSuccess: (after) => {
      queryClient.setQueryData(["operator", "blind", test.id], after);
      void queryClient.invalidateQueries({ queryKey: ["operator", "blind"], exact: true });
      setBack(null);
    },
  });
  const [one, other] = pair.answers;

  useEffect(() => {
    const keys = (event: KeyboardEvent) => {
      const choices: Record<string, string | null> = { a: one!.id, b: other!.id, t: null };
      const key = event.key.toLowerCase();
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
      if (plain && key in choices && !judge.isPending) judge.mutate(choices[key]!);
    };
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  });

  return (
    <>
      <PageHeading title={t("Which answer is better?")} hint={t("Prompt {{at}} of {{pairs}}. Keys: A, B, or T for a tie.", { at: at + 1, pairs: test.pairs.length })}>
        <Button small kind="quiet" icon={ChevronLeft} disabled={at === 0} onClick={() => setBack(at - 1)}>
          {t("Previous")}
        </Button>
      </PageHeading>
      <ProgressBar share={next / test.pairs.length} label={t("Prompts rated")} />
      <p className="mt-5 mb-4 rounded-2xl bg-panel px-5 py-3.5 whitespace-pre-wrap">{pair.prompt}</p>
      <Answers pair={pair} onChoose={(id) => judge.mutate(id)} />
      <ErrorMessage error={judge.error} className="mt-4" />
      <div className="mt-4 text-center">
        <Button disabled={judge.isPending} onClick={() => judge.mutate(null)}>
          {t("Tie")}
        </Button>
      </div>
    </>
  );
}

function Answers({ pair, onChoose }: { pair: BlindPair; onChoose?: (id: string) => void }) {
  const best = pair.judged?.length === 2 ? pair.judged[0]![0] : undefined;
  return (
    <ul className="grid gap-3 md:grid-cols-2">
      {pair.answers.map((answer, index) => (
        <li
          key={answer.id}
          className={clsx("flex min-w-0 flex-col rounded-2xl border bg-surface", answer.id === best ? "border-accent ring-2 ring-accent/20" : "border-line")}
        >
          <div className="flex items-center gap-2.5 border-b border-line px-4 py-2.5 text-sm">
            <OptionLetter letter={LETTERS[index]!} />
            <span className="font-medium">{answer.policy_id ?? t("Answer {{letter}}", { letter: LETTERS[index]! })}</span>
            {answer.id === best && <Badge tone="good">{t("Preferred")}</Badge>}
          </div>
          <div className="flex-1 px-4 py-3.5 text-[14.5px]">
            {answer.content.trim() ? <Markdown text={answer.content} /> : <p className="text-muted">{t("This answer is empty.")}</p>}
          </div>
          {onChoose && (
            <div className="border-t border-line px-4 py-3">
              <Button kind="primary" small onClick={() => onChoose(answer.id)}>
                {t("{{letter}} is better", { letter: LETTERS[index]! })}
              </Button>
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

function ResultView({ test, result }: { test: BlindTest; result: BlindShare[] }) {
  const ties = test.pairs.filter((pair) => pair.judged?.length === 1).length;
  return (
    <>
      <PageHeading title={verdict(result, test.pairs.length)} hint={t("{{prompts}} rated blind, {{ties}}.", { prompts: t("{{count}} prompts", { count: test.pairs.length }), ties: t("{{count}} ties", { count: ties }) })} />
      <Card title={t("Win rate (a tie counts as half), with 95% confidence intervals")}>
        <dl className="space-y-4">
          {[...result].sort((a, b) => b.mean - a.mean).map((share) => (
            <PolicyWinRate key={share.policy_id} share={share} />
          ))}
        </dl>
      </Card>
      <ol className="mt-8 space-y-8">
        {test.pairs.map((pair, index) => (
          <li key={pair.prompt_id}>
            <h2 className="mb-3 font-medium">
              {index + 1}. {pair.prompt} {pair.judged?.length === 1 && <Badge>{t("Tie")}</Badge>}
            </h2>
            <Answers pair={pair} />
          </li>
        ))}
      </ol>
    </>
  );
}

/** Even if one policy wins every prompt, chance explains fewer than this many (two-sided p > 0.05). */
const FEWEST_PROMPTS = 6;

/** The better policy, if its interval excludes one half. */
function verdict(result: BlindShare[], prompts: number): string {
  if (prompts < FEWEST_PROMPTS) return t("Too few prompts to tell (at least {{least}} are needed)", { least: FEWEST_PROMPTS });
  const better = result.find((share) => share.low > 0.5);
  return better ? t("{{policyId}} is better", { policyId: better.policy_id }) : t("No significant difference");
}

function PolicyWinRate({ share: { policy_id: id, mean, low, high } }: { share: BlindShare }) {
  return (
    <div>
      <dt className="flex flex-wrap justify-between gap-x-4 text-sm">
        <Link to={`/operator/policies/${id}`} className="font-medium underline-offset-4 hover:underline">
          {id}
        </Link>
        <span className="tabular-nums">
          {percent(mean)} <span className="text-muted">{t("({{low}} to {{high}})", { low: percent(low), high: percent(high) })}</span>
        </span>
      </dt>
      <dd aria-hidden dir="ltr" className="relative mt-2 h-3 rounded-full bg-panel">
        <span className="absolute inset-y-0 rounded-full bg-accent/35" style={{ left: `${100 * low}%`, width: `${100 * (high - low)}%` }} />
        <span className="absolute inset-y-0 w-1 -translate-x-1/2 rounded-full bg-accent" style={{ left: `${100 * mean}%` }} />
        <span className="absolute -inset-y-1 left-1/2 w-px bg-line-strong" />
      </dd>
    </div>
  );
}

const percent = (value: number) => `${Math.round(100 * value)}%`;
