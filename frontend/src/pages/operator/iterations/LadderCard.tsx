/** People choose on the ladder: rungs of an iteration that labelers rank blind, and which one wins. */
import { useState } from "react";
import { Link } from "react-router";
import { operator } from "../../../api/client";
import { useLadder, useRefresh } from "../../../api/queries";
import type { Ladder, LadderRequest } from "../../../api/types";
import { Button } from "../../../components/Button";
import { Card } from "../../../components/Card";
import { NumberField } from "../../../components/Field";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { Trans, t } from "../../../i18n";
import { Ratings } from "../experiments/Leaderboard";

export function LadderCard({ id }: { id: string }) {
  return (
    <Card title={t("People's choice on the ladder")}>
      <QueryResult query={useLadder(id)}>{(ladder) => <Choice id={id} ladder={ladder} />}</QueryResult>
    </Card>
  );
}

function Choice({ id, ladder }: { id: string; ladder: Ladder }) {
  return (
    <div className="space-y-4 text-sm">
      <p className="text-muted">
        {t("Labelers rank responses of several rungs and of the current policy without seeing which is which. Their rankings also train the next reward model.")}
      </p>
      {ladder.tasks > 0 && (
        <p>
          <Trans i18nKey="{{ranked}} of {{prompts}} ranked at the <a>labeling desk</a>." values={{ ranked: ladder.ranked, prompts: t("{{count}} prompts", { count: ladder.tasks }) }} components={{ a: <Link to="/label" className="underline underline-offset-4" /> }} />
        </p>
      )}
      {ladder.ratings.length > 0 && <Ratings ratings={ladder.ratings} />}
      {ladder.ranked > 0 && <Proposal proposed={ladder.proposed} />}
      {ladder.problem && <p role="alert">{t("No responses were written: {{problem}}", { problem: ladder.problem })}</p>}
      {ladder.waiting ? <p role="status">{t("A worker is writing the responses.")}</p> : <Start id={id} again={ladder.tasks > 0} />}
    </div>
  );
}

function Proposal({ proposed }: { proposed: string | null }) {
  if (proposed === null) return <p>{t("No rung is shown to be better than the current policy yet.")}</p>;
  const command = proposed.includes("@") ? `tutelage ladder publish ${proposed}` : `tutelage policies promote ${proposed}`;
  return (
    <p>
      <Trans i18nKey="People prefer <b>{{proposed}}</b>: its interval has the best lower end. <code>{{command}}</code>" values={{ proposed, command }} components={{ b: <strong />, code: <code /> }} />
    </p>
  );
}

function Start({ id, again }: { id: string; again: boolean }) {
  const [request, setRequest] = useState({ rungs: 4, prompts: 24, overlap: 1 } satisfies LadderRequest);
  const [problem, setProblem] = useState<unknown>();
  const refresh = useRefresh();
  const change = (part: Partial<typeof request>) => setRequest({ ...request, ...part });

  async function start() {
    try {
      setProblem(undefined);
      await operator.compareLadder(id, request);
      await refresh("operator");
    } catch (error) {
      setProblem(error);
    }
  }

  return (
    <>
      <div className="grid gap-4 sm:grid-cols-3">
        <NumberField label={t("Rungs")} min={3} max={5} value={request.rungs} onChange={(rungs) => change({ rungs })} />
        <NumberField label={t("Prompts")} min={1} max={500} value={request.prompts} onChange={(prompts) => change({ prompts })} />
        <NumberField label={t("Labelers per prompt")} min={1} max={20} value={request.overlap} onChange={(overlap) => change({ overlap })} />
      </div>
      {problem !== undefined && <ErrorMessage error={problem} />}
      <Button onClick={() => void start()}>{again ? t("Add more prompts") : t("Let people compare rungs")}</Button>
    </>
  );
}
