/** The user's stored data: what it is, download, deletion. */
import { Download, Trash2 } from "lucide-react";
import { useState } from "react";
import { account, useAccount } from "../../api/account";
import { Button } from "../../components/Button";
import { Dialog, DialogButtons } from "../../components/Dialog";
import { Field } from "../../components/Field";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { Card } from "../../components/Card";
import { PageHeading } from "../../components/PageHeading";
import { QueryResult } from "../../components/feedback/QueryResult";
import { t } from "../../i18n";
import { forgetPerson } from "../../local";

const STORED_DATA: [string, string, string][] = [
  [t("Conversations"), t("Until you delete them"), t("So that you can return to them; those you allow are used for training")],
  [t("Ratings, edits and reports"), t("Until you withdraw or delete them"), t("To train the next policy, if the conversation allows training")],
  [t("When you copied an answer"), t("With the message, if the conversation allows training"), t("A signal of what people prefer")],
  [t("Moderation results"), t("As long as the message"), t("So that you can appeal")],
  [t("Daily request and token counts"), t("Until you delete the account"), t("Quotas")],
  [t("Keys and passwords"), t("As hashes, until revoked or changed"), t("Authentication")],
  [t("Training snapshots"), t("Until the operator deletes the iteration"), t("To trace what a policy was trained on")],
  [t("Audit log"), t("Permanently; ids only, never texts"), t("To prove privileged actions")],
];

export function DataTab() {
  const query = useAccount();
  return (
    <>
      <PageHeading title={t("My data")} hint={t("What is stored about you, why, and how to delete it.")} />
      <div className="grid gap-4 lg:grid-cols-2">
        <Card title={t("Download your data")}>
          <QueryResult query={query}>
            {(data) => (
              <p className="text-sm text-muted">
                {t("{{conversations}} and {{entries}}, including all related data, in one JSON file.", { conversations: t("{{count}} conversations", { count: data.conversations }), entries: t("{{count}} feedback entries", { count: data.feedback }) })}
              </p>
            )}
          </QueryResult>
          <a
            href="/v1/account/data"
            download="tutelage-data.json"
            className="mt-4 inline-flex h-9.5 items-center gap-2 rounded-lg border border-line-strong px-3.5 text-sm font-medium hover:bg-panel"
          >
            <Download aria-hidden className="size-4" />
            {t("Download my data")}
          </a>
        </Card>
        <QueryResult query={query}>{(data) => <Delete name={data.login ?? data.name} />}</QueryResult>
        <Card title={t("Stored data")} className="lg:col-span-2">
          <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={t("Stored data")}>
            <table className="w-full text-start text-sm">
              <thead className="text-xs text-muted">
                <tr>
                  {[t("Data"), t("Retention"), t("Purpose")].map((title) => (
                    <th key={title} scope="col" className="py-2 pe-6 font-medium">
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody className="divide-y divide-line">
                {STORED_DATA.map(([what, long, why]) => (
                  <tr key={what}>
                    <td className="py-2 pe-6 font-medium">{what}</td>
                    <td className="py-2 pe-6 text-muted">{long}</td>
                    <td className="py-2 text-muted">{why}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Card>
      </div>
    </>
  );
}

function Delete({ name }: { name: string }) {
  const [open, setOpen] = useState(false);
  return (
    <Card title={t("Delete account")}>
      <p className="text-sm text-muted">
        {t("Conversations, feedback, keys and links are deleted immediately and permanently. Policies already trained on your data are not changed; the operator sees which ones are affected and can retrain without your data.")}
      </p>
      <Button kind="danger" icon={Trash2} className="mt-4" onClick={() => setOpen(true)}>
        {t("Delete my account")}
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t("Delete everything?")}>
        <ConfirmDeletion name={name} onClose={() => setOpen(false)} />
      </Dialog>
    </Card>
  );
}

function ConfirmDeletion({ name, onClose }: { name: string; onClose: () => void }) {
  const [confirm, setConfirm] = useState("");
  const [error, setError] = useState<unknown>(null);
  return (
    <>
      <p className="mb-4 text-sm text-muted">{t("This cannot be undone. Download your data first if you want to keep it.")}</p>
      <Field label={t("Type “{{name}}” to confirm", { name })} autoFocus value={confirm} onChange={(event) => setConfirm(event.target.value)} />
      <ErrorMessage error={error} className="mt-3" />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button
          kind="danger"
          disabled={confirm.trim().toLowerCase() !== name.toLowerCase()}
          onClick={() => {
            account.erase(confirm).then(() => {
              forgetPerson();
              location.assign("/");
            }, setError);
          }}
        >
          {t("Delete permanently")}
        </Button>
      </DialogButtons>
    </>
  );
}
