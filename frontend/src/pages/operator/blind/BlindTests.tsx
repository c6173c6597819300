/** Blind comparisons of two policies: start one, and the list of past ones. */
import { useMutation } from "@tanstack/react-query";
import { EyeOff } from "lucide-react";
import { useState, type FormEvent } from "react";
import { Link, useNavigate } from "react-router";
import { blind, useBlindTests } from "../../../api/blind";
import { usePolicies, useRefresh } from "../../../api/queries";
import type { Policy } from "../../../api/types";
import { Button } from "../../../components/Button";
import { TextBox } from "../../../components/TextBox";
import { Select } from "../../../components/Field";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { ago, words } from "../../../format";
import { Card } from "../../../components/Card";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Cell, Table } from "../../../components/Table";
import { t } from "../../../i18n";

const PROMPTS = [
  "Explain how vaccines work to a ten-year-old, in five sentences.",
  "Write a short, friendly email that moves a meeting from Tuesday to Thursday.",
  "Plan a simple week of dinners for two people who don't like spending long in the kitchen.",
  "Which of these is heavier, a kilogram of feathers or a kilogram of iron?",
  "Tell me what to do about my neighbour's loud music.",
];

export function BlindTests() {
  const policies = usePolicies();
  return (
    <>
      <BackLink to="/operator/policies">{t("Policies")}</BackLink>
      <PageHeading
        title={t("Blind comparison")}
        hint={t("Two policies answer the same prompts. You rate the answers without knowing which policy wrote which; the policies are revealed at the end. Your ratings count towards the leaderboard and are used for training like any others.")}
      />
      <QueryResult query={policies}>
        {({ data }) =>
          data.length < 2 ? (
            <Card>
              <p className="text-sm text-muted">{t("There is only one policy so far. Run an iteration to create a second one.")}</p>
            </Card>
          ) : (
            <StartForm policies={data} />
          )
        }
      </QueryResult>
      <PastTests />
    </>
  );
}

function StartForm({ policies }: { policies: Policy[] }) {
  const current = policies.find((policy) => policy.state === "current" && policy.team_id === null) ?? policies[0]!;
  const other = policies.find((policy) => policy.id !== current.id)!;
  const [pair, setPair] = useState<[string, string]>([other.id, current.id]);
  const [text, setText] = useState(PROMPTS.join("\n"));
  const prompts = text.split("\n").map((line) => line.trim()).filter(Boolean);
  const options = policies.map(({ id, state }) => ({ value: id, label: `${id} · ${words(state)}` }));
  const navigate = useNavigate();
  const refresh = useRefresh();
  const start = useMutation({
    mutationFn: () => blind.start(pair, prompts),
    onSuccess: async ({ id }) => {
      await refresh("operator", "blind");
      void navigate(`/operator/policies/compare/${id}`);
    },
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    start.mutate();
  }

  return (
    <Card title={t("New comparison")}>
      <form onSubmit={submit} className="space-y-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Select label={t("First policy")} value={pair[0]} options={options} onChange={(event) => setPair([event.target.value, pair[1]])} />
          <Select label={t("Second policy")} value={pair[1]} options={options} onChange={(event) => setPair([pair[0], event.target.value])} />
        </div>
        <div>
          <p aria-hidden className="mb-1.5 text-sm font-medium">{t("Prompts, one per line")}</p>
          <TextBox label={t("Prompts, one per line")} rows={6} value={text} onChange={setText} />
        </div>
        <ErrorMessage error={start.error} />
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p role="status" className="text-[13px] text-muted">
            {start.isPending
              ? t("Both policies are generating answers. Loading a policy that is not in memory can take a minute.")
              : t("{{count}} prompts (at most 20)", { count: prompts.length })}
          </p>
          <Button type="submit" kind="primary" icon={EyeOff} disabled={start.isPending || prompts.length === 0}>
            {start.isPending ? t("Generating…") : t("Generate answers")}
          </Button>
        </div>
      </form>
    </Card>
  );
}

function PastTests() {
  const tests = useBlindTests();
  const rows = tests.data?.data ?? [];
  if (rows.length === 0) return null;
  return (
    <>
      <h2 className="mt-8 mb-3 text-lg font-semibold tracking-tight">{t("Your comparisons")}</h2>
      <Table columns={[t("Started"), t("Rated"), t("Comparison")]}>
        {rows.map((row) => (
          <tr key={row.id}>
            <Cell className="whitespace-nowrap text-muted">{ago(row.created_at)}</Cell>
            <Cell className="tabular-nums">
              {t("{{done}} of {{all}}", { done: row.judged, all: row.prompts })}
            </Cell>
            <Cell>
              <Link to={`/operator/policies/compare/${row.id}`} className="text-accent-ink underline underline-offset-4">
                {row.judged < row.prompts ? t("Continue rating") : t("View result")}
              </Link>
            </Cell>
          </tr>
        ))}
      </Table>
    </>
  );
}
