/** One setting: its value, where it comes from, and the way to change it and back. */
import { useMutation } from "@tanstack/react-query";
import { Lock } from "lucide-react";
import { useState, type FormEvent } from "react";
import { settings, type Setting } from "../../../api/account";
import { useRefresh } from "../../../api/queries";
import { Badge } from "../../../components/Badge";
import { Button } from "../../../components/Button";
import { Checkbox, Field, Select } from "../../../components/Field";
import { ErrorMessage } from "../../../components/feedback/ErrorMessage";
import { useToast } from "../../../components/feedback/Toast";
import { TextBox } from "../../../components/TextBox";
import { words } from "../../../format";
import { Trans, t } from "../../../i18n";
import { QuotaFields } from "./QuotaFields";
import { aboutOf, shown, sourceLabel, titleOf } from "./settings";

type Value = string | number | boolean;

export function SettingEditor({ setting }: { setting: Setting }) {
  const refresh = useRefresh();
  const toast = useToast();
  const title = titleOf(setting);
  const change = useMutation({
    mutationFn: (value: Value | null) => (value === null ? settings.reset(setting.name) : settings.save(setting.name, value)),
    onSuccess: async (saved) => {
      await refresh("operator", "settings");
      toast(saved.pending ? t("{{title}}: takes effect after a restart.", { title }) : t("{{title}} saved.", { title }));
    },
  });
  return (
    <li className="grid gap-x-6 gap-y-2 py-3.5 first:pt-0 last:pb-0 sm:grid-cols-[1fr_minmax(0,20rem)]">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-2 text-sm font-medium">
          {title}
          <Badge tone={setting.source === "default" ? "plain" : "accent"}>{sourceLabel(setting.source)}</Badge>
          {setting.pending && <Badge tone="warn">{t("After a restart: {{shown}}", { shown: shown(setting.saved ?? setting.default) })}</Badge>}
        </p>
        <p className="mt-0.5 text-[13px] text-muted">
          {aboutOf(setting)}
          {!setting.live && ` ${t("Takes effect after a restart.")}`}
        </p>
      </div>
      <div className="min-w-0 space-y-2">
        {setting.locked ? (
          <Locked setting={setting} />
        ) : (
          <Control key={JSON.stringify([setting.value, setting.saved])} setting={setting} title={title} busy={change.isPending} onSave={change.mutate} />
        )}
        <ErrorMessage error={change.error} />
        {setting.saved !== null && !setting.locked && (
          <button type="button" className="text-[13px] text-muted underline underline-offset-2 hover:text-ink" onClick={() => change.mutate(null)}>
            <Trans i18nKey="Reset to the default<s> of {{title}}</s>" values={{ title }} components={{ s: <span className="sr-only" /> }} />
            {(typeof setting.default !== "string" || setting.default.length < 30) && ` (${shown(setting.default)})`}
          </button>
        )}
      </div>
    </li>
  );
}

function Locked({ setting }: { setting: Setting }) {
  return (
    <p className="text-sm">
      <span className="break-words">{shown(setting.value)}</span>
      <span className="mt-1 flex items-start gap-1.5 text-[13px] text-muted">
        <Lock aria-hidden className="mt-0.5 size-3.5 shrink-0" />
        <span className="min-w-0 wrap-anywhere">
          {t("Set with {{variable}} at the start ({{source}}), which comes first.", { variable: `TUTELAGE_${setting.name.toUpperCase()}`, source: sourceLabel(setting.source) })}
        </span>
      </span>
    </p>
  );
}

interface ControlProps {
  setting: Setting;
  title: string;
  busy: boolean;
  onSave: (value: Value) => void;
}

/** A switch or a choice is saved when it changes; what is typed has a button. */
function Control({ setting, title, busy, onSave }: ControlProps) {
  const wanted = (setting.pending ? (setting.saved ?? setting.default) : setting.value) as Value;
  if (setting.kind === "switch")
    return <Checkbox label={<>{wanted ? t("On") : t("Off")}<span className="sr-only">: {title}</span></>} checked={Boolean(wanted)} disabled={busy} onChange={onSave} />;
  if (setting.kind === "choice")
    return (
      <Select
        hideLabel
        label={title}
        value={String(wanted)}
        disabled={busy}
        onChange={(event) => onSave(event.target.value)}
        options={(setting.choices ?? []).map((value) => ({ value, label: words(value) }))}
      />
    );
  return <TypedControl setting={setting} title={title} wanted={wanted} busy={busy} onSave={onSave} />;
}

function TypedControl({ setting, title, wanted, busy, onSave }: ControlProps & { wanted: Value }) {
  const [draft, setDraft] = useState(String(wanted));
  const number = setting.kind === "number";

  function submit(event: FormEvent) {
    event.preventDefault();
    onSave(number ? Number(draft) : draft);
  }

  return (
    <form onSubmit={submit} className="space-y-2">
      {setting.name === "quotas" ? (
        <QuotaFields text={draft} onChange={setDraft} />
      ) : setting.name === "starters" ? (
        <TextBox label={title} value={draft} placeholder='[{"title": "Write with me", "text": "Write a …"}]' onChange={setDraft} className="font-mono" />
      ) : (
        <Field
          label={title}
          hideLabel
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          {...(number && { type: "number", required: true, step: "any", min: setting.minimum ?? undefined, max: setting.maximum ?? undefined })}
        />
      )}
      {draft !== String(wanted) && (
        <div className="flex gap-2">
          <Button kind="primary" small type="submit" disabled={busy}>
            {t("Save")}
          </Button>
          <Button small onClick={() => setDraft(String(wanted))}>
            {t("Cancel")}
          </Button>
        </div>
      )}
    </form>
  );
}
