/** A judged prompt asked again: the answers of the policy before and of the current one, to be judged unseen. */
import { useMutation } from "@tanstack/react-query";
import { Sparkles } from "lucide-react";
import { account, type AnswersAgain, type Story } from "../../../api/account";
import { feedback } from "../../../api/client";
import { useRefresh } from "../../../api/queries";
import { randomId } from "../../../browser";
import { Button } from "../../../components/Button";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { Markdown } from "../../../components/markdown/Markdown";
import { t } from "../../../i18n";

export function AskAgain({ story }: { story: Story }) {
  const ask = useMutation({ mutationFn: () => account.askAgain(story.id) });
  return (
    <div className="pt-1.5">
      <Button small icon={Sparkles} disabled={ask.isPending} onClick={() => ask.mutate()}>
        {ask.isPending ? t("Both policies answer…") : t("Compare before and now")}
      </Button>
      <ErrorMessage error={ask.error} className="mt-3" />
      {ask.data && <Answers key={ask.data.completion_id} asked={ask.data} before={story.policy_id} />}
    </div>
  );
}

function Answers({ asked: { completion_id, answers, problem }, before }: { asked: AnswersAgain; before: string | null }) {
  const refresh = useRefresh();
  const judge = useMutation({
    mutationFn: (ranking: number[][]) =>
      feedback.give({ kind: "ranking", completion_id, ranking, positions: answers.map((each) => each.choice) }, randomId()),
    onSuccess: () => refresh("conversation"),
  });
  const single = answers.length === 1;
  const named = single || judge.isSuccess;
  const [a = 0, b = 1] = answers.map((each) => each.choice);
  return (
    <div className="mt-3" role="region" aria-label={t("New answers")}>
      {problem && <p className="mb-2 text-muted">{t("Only the current model answers: {{problem}}", { problem })}</p>}
      {single && !problem && <p className="mb-2 text-muted">{t("The model has not changed since.")}</p>}
      <div className={single ? "" : "grid gap-3 sm:grid-cols-2"}>
        {answers.map((each, place) => (
          <div key={each.message_id} className="min-w-0 rounded-xl border border-line bg-canvas p-4 text-sm">
            <p className="mb-2 text-xs font-medium text-muted">
              {single ? t("Now") : t("Answer {{letter}}", { letter: "AB"[place]! })}
              {named && ` · ${each.policy_id}${single ? "" : `, ${each.policy_id === before ? t("before") : t("now")}`}`}
            </p>
            <Markdown text={each.content} />
          </div>
        ))}
      </div>
      {!single && !named && (
        <div role="group" aria-label={t("Which answer is better?")} className="mt-3 flex flex-wrap gap-2">
          <Button small disabled={judge.isPending} onClick={() => judge.mutate([[a], [b]])}>
            {t("A is better")}
          </Button>
          <Button small disabled={judge.isPending} onClick={() => judge.mutate([[a, b]])}>
            {t("Equally good")}
          </Button>
          <Button small disabled={judge.isPending} onClick={() => judge.mutate([[b], [a]])}>
            {t("B is better")}
          </Button>
        </div>
      )}
      <ErrorMessage error={judge.error} className="mt-3" />
      <p role="status" className="mt-2 text-xs text-muted">
        {judge.isSuccess ? `${t("Saved as a ranking; now you see which policy wrote which.")} ` : ""}
        {single ? t("Saved in the conversation as a new branch that you can rate.") : judge.isSuccess ? "" : t("Which policy wrote which is shown once you have judged.")}
      </p>
    </div>
  );
}
