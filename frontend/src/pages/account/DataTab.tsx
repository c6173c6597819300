/** What is kept of one: download it, or delete it all. */
import { Download, Trash2 } from "lucide-react";
import { useState } from "react";
import { account, useAccount } from "../../api/account";
import { Button } from "../../components/Button";
import { Dialog, DialogButtons } from "../../components/Dialog";
import { Field } from "../../components/Field";
import { Problem } from "../../components/Problem";
import { Card, Heading, Read } from "../operator/Parts";

const KEPT: [string, string, string][] = [
  ["Conversations", "until you delete them", "you see them again; what may teach becomes training data"],
  ["Judgements, edits, reports", "until you withdraw or delete them", "they teach the next policy, where the conversation may"],
  ["What moderation said", "as long as the message", "so that you can appeal"],
  ["Requests and tokens a day", "until you delete the account", "quotas"],
  ["Keys and passwords", "as hashes, until revoked or changed", "to recognise you"],
  ["Snapshots of iterations", "until the operator deletes the iteration", "so that a policy can be explained"],
  ["The audit log", "always: ids, never texts", "so that privileged acts can be proved"],
];

export function DataTab() {
  const query = useAccount();
  return (
    <>
      <Heading title="My data" hint="What is kept of you here, where it goes, and how it goes away." />
      <div className="grid gap-4 lg:grid-cols-2">
        <Card title="Take it with you">
          <Read query={query}>
            {(data) => (
              <p className="text-sm text-muted">
                {data.conversations} conversation{data.conversations === 1 ? "" : "s"} and {data.feedback} judgement
                {data.feedback === 1 ? "" : "s"}, with everything that hangs from them, in one JSON file.
              </p>
            )}
          </Read>
          <a
            href="/v1/account/data"
            download="tutelage-data.json"
            className="mt-4 inline-flex h-9.5 items-center gap-2 rounded-lg border border-line-strong px-3.5 text-sm font-medium hover:bg-panel"
          >
            <Download aria-hidden className="size-4" />
            Download my data
          </a>
        </Card>
        <Read query={query}>{(data) => <Delete name={data.login ?? data.name} />}</Read>
        <Card title="What is kept" className="lg:col-span-2">
          <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="What is kept">
            <table className="w-full text-left text-sm">
              <thead className="text-xs text-muted">
                <tr>
                  {["What", "How long", "Why"].map((title) => (
                    <th key={title} scope="col" className="py-2 pr-6 font-medium">
                      {title}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody className="divide-y divide-line">
                {KEPT.map(([what, long, why]) => (
                  <tr key={what}>
                    <td className="py-2 pr-6 font-medium">{what}</td>
                    <td className="py-2 pr-6 text-muted">{long}</td>
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
    <Card title="Delete the account">
      <p className="text-sm text-muted">
        Conversations, feedback, keys and links go at once and for good. Policies that learned from you stay until the
        operator trains without you; they are listed to the operator as affected.
      </p>
      <Button kind="danger" icon={Trash2} className="mt-4" onClick={() => setOpen(true)}>
        Delete my account
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title="Delete everything?">
        <Seal name={name} onClose={() => setOpen(false)} />
      </Dialog>
    </Card>
  );
}

function Seal({ name, onClose }: { name: string; onClose: () => void }) {
  const [confirm, setConfirm] = useState("");
  const [error, setError] = useState<unknown>(null);
  return (
    <>
      <p className="mb-4 text-sm text-muted">This cannot be undone. Download your data first if you want to keep it.</p>
      <Field label={`Write “${name}” to confirm`} autoFocus value={confirm} onChange={(event) => setConfirm(event.target.value)} />
      <Problem error={error} className="mt-3" />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="danger"
          disabled={confirm.trim().toLowerCase() !== name.toLowerCase()}
          onClick={() => {
            account.erase(confirm).then(() => {
              localStorage.clear();
              location.assign("/");
            }, setError);
          }}
        >
          Delete for good
        </Button>
      </DialogButtons>
    </>
  );
}
