/** Keys for the widget and for pages of other sites: limits, the snippet to copy, use, revocation. */
import { useMutation } from "@tanstack/react-query";
import { Copy, Globe, Plus } from "lucide-react";
import { useState, type FormEvent } from "react";
import { siteKeys, users, useSiteKeys, type NewSiteKey, type SiteKey } from "../../../api/account";
import { useRefresh } from "../../../api/queries";
import { copyText } from "../../../browser";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Confirm, Dialog, DialogButtons } from "../../../components/Dialog";
import { EmptyState } from "../../../components/feedback/EmptyState";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { QueryResult } from "../../../components/feedback/QueryResult";
import { useToast } from "../../../components/feedback/Toast";
import { Checkbox, Field, NumberField } from "../../../components/Field";
import { BackLink, PageHeading } from "../../../components/PageHeading";
import { Cell, Table } from "../../../components/Table";
import { figure } from "../../../format";
import { t } from "../../../i18n";

export function SitesPage() {
  const query = useSiteKeys();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<NewSiteKey | null>(null);

  function close() {
    setMade(null);
    setMaking(false);
  }

  return (
    <>
      <BackLink to="/operator/people">{t("Users")}</BackLink>
      <PageHeading
        title={t("Other sites")}
        hint={t("A site key lets the visitors of another site chat there, give thumbs and compare two answers, and do nothing else. It is public, so it works on the pages of its origins only and has limits.")}
      >
        <Button kind="primary" icon={Plus} onClick={() => setMaking(true)}>
          {t("New site key")}
        </Button>
      </PageHeading>
      <QueryResult query={query}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={Globe}>{t("No site keys yet. With one, a line of HTML puts the chat on another site.")}</EmptyState>
          ) : (
            <Table columns={[t("Name"), t("Origins"), t("Limits"), t("Prompts today"), t("Visitors"), t("Actions")]}>
              {data.map((row) => (
                <Row key={row.id} row={row} />
              ))}
            </Table>
          )
        }
      </QueryResult>
      <Dialog open={making} onClose={close} title={made ? t("Your new site key") : t("New site key")} wide>
        {made ? <Snippet made={made} onClose={close} /> : <Form onMade={setMade} onClose={close} />}
      </Dialog>
    </>
  );
}

const limit = (value: number) => (value ? figure(value) : t("unlimited"));

function Row({ row }: { row: SiteKey }) {
  const refresh = useRefresh();
  const [leaving, setLeaving] = useState(false);
  const { origins, per_day = 0, per_minute = 0, visitor_per_day = 0, visitor_per_minute = 0 } = row.site;
  return (
    <tr>
      <Cell>
        <span className="block font-medium">{row.name}</span>
        <span className="flex flex-wrap items-center gap-1 font-mono text-xs text-muted">
          {row.prefix}… {row.training && <Badge tone="accent">{t("Training allowed")}</Badge>}
        </span>
      </Cell>
      <Cell className="text-muted">
        {origins.map((origin) => (
          <span key={origin} className="block whitespace-nowrap">
            {origin}
          </span>
        ))}
      </Cell>
      <Cell className="text-xs whitespace-nowrap text-muted">
        <span className="block">{t("All: {{minute}} a minute, {{day}} a day", { minute: limit(per_minute), day: limit(per_day) })}</span>
        <span className="block">{t("Each: {{minute}} a minute, {{day}} a day", { minute: limit(visitor_per_minute), day: limit(visitor_per_day) })}</span>
      </Cell>
      <Cell className="tabular-nums">{figure(row.prompts_today)}</Cell>
      <Cell className="tabular-nums">{figure(row.visitors)}</Cell>
      <Cell className="text-end">
        {row.revoked_at === null ? (
          <Button small onClick={() => setLeaving(true)} aria-label={t("Revoke {{name}}", { name: row.name })}>
            {t("Revoke")}
          </Button>
        ) : (
          <Badge>{t("Revoked")}</Badge>
        )}
        <Confirm
          danger
          open={leaving}
          onClose={() => setLeaving(false)}
          title={t("Revoke “{{name}}”?", { name: row.name })}
          action={t("Revoke")}
          onConfirm={async () => {
            await users.revokeKey(row.id);
            await refresh("operator");
          }}
        >
          {t("The chat on these pages stops working immediately.")}
        </Confirm>
      </Cell>
    </tr>
  );
}

const LIMITS = { per_minute: 120, per_day: 2000, visitor_per_minute: 20, visitor_per_day: 100 };
const LIMIT_LABELS: [keyof typeof LIMITS, string][] = [
  ["per_minute", t("Requests per minute, all")],
  ["per_day", t("Prompts per day, all")],
  ["visitor_per_minute", t("Requests per minute and address")],
  ["visitor_per_day", t("Prompts per day and visitor")],
];

function Form({ onMade, onClose }: { onMade: (made: NewSiteKey) => void; onClose: () => void }) {
  const [name, setName] = useState("");
  const [origins, setOrigins] = useState("");
  const [limits, setLimits] = useState(LIMITS);
  const [training, setTraining] = useState(false);
  const refresh = useRefresh();
  const make = useMutation({
    mutationFn: () => siteKeys.create({ name: name.trim(), training, site: { origins: origins.split(/[\s,]+/).filter(Boolean), ...limits } }),
    onSuccess: (made) => {
      onMade(made);
      void refresh("operator");
    },
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    make.mutate();
  }

  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label={t("Name")} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
      <Field
        label={t("Origins")}
        required
        placeholder="https://www.example.org"
        hint={t("Where the pages are, such as https://www.example.org; several by commas.")}
        value={origins}
        onChange={(event) => setOrigins(event.target.value)}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        {LIMIT_LABELS.map(([limit, label]) => (
          <NumberField key={limit} label={label} min={0} max={1_000_000} value={limits[limit]} onChange={(value) => setLimits({ ...limits, [limit]: value })} />
        ))}
      </div>
      <p className="text-[13px] text-muted">{t("0 = unlimited.")}</p>
      <Checkbox checked={training} onChange={setTraining} label={t("Chats of visitors who agree may be used for training.")} />
      <ErrorMessage error={make.error} />
      <DialogButtons>
        <Button onClick={onClose}>{t("Cancel")}</Button>
        <Button kind="primary" type="submit" disabled={make.isPending}>
          {t("Create")}
        </Button>
      </DialogButtons>
    </form>
  );
}

function Snippet({ made, onClose }: { made: NewSiteKey; onClose: () => void }) {
  const toast = useToast();
  const training = made.training ? "" : ' data-training="off"';
  const html = `<script src="${window.location.origin}/widget.js" data-key="${made.secret}"${training} defer></script>`;
  return (
    <div className="space-y-3 text-sm">
      <p>{t("Copy this line into the pages. The key is not shown again.")}</p>
      <pre className="overflow-x-auto rounded-xl border border-line bg-panel px-4 py-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere" tabIndex={0}>
        {html}
      </pre>
      <p className="text-muted">
        {t("If the site sends a Content-Security-Policy, it must allow {{origin}} in script-src and connect-src.", { origin: window.location.origin })}
      </p>
      <DialogButtons>
        <Button icon={Copy} onClick={() => void copyText(html).then(() => toast(t("Copied.")))}>
          {t("Copy")}
        </Button>
        <Button kind="primary" onClick={onClose}>
          {t("Done")}
        </Button>
      </DialogButtons>
    </div>
  );
}
