/** The chat: conversations at the side, the branch in view, and the composer. */
import { lazy, Suspense, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { ApiError } from "../../api/client";
import { useConversation, useSession } from "../../api/queries";
import type { Message } from "../../api/types";
import { Dialog } from "../../components/Dialog";
import { Loading, Skeleton } from "../../components/feedback/Loading";
import { MessagePage } from "../../components/feedback/MessagePage";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { useToast } from "../../components/feedback/Toast";
import { Trans, t } from "../../i18n";
import { useStable } from "../../stable";
import { messageDraft, moveDraft, persist, persisted, usePersisted } from "../../persisted";
import { SignInForms } from "../SignInPage";
import { Composer, focusMessage } from "./Composer";
import { ConsentCard } from "./consent/ConsentCard";
import { Header } from "./Header";
import { Scroller } from "./Scroller";
import { Sidebar } from "./sidebar/Sidebar";
import { SHORTCUTS, useShortcuts } from "./shortcuts";
import { comparisonName, useBranches } from "./storage";
import { Thread } from "./Thread";
import { keyOf, visiblePath } from "./tree";
import { continuation, isLive, isPending, isReturned, withTurn, type Prompt, type Turn } from "./turn";
import { turns, useTurns } from "./turns";
import { SystemChoice } from "./system/SystemChoice";
import { Welcome } from "./Welcome";

const Compare = lazy(() => import("./compare/Compare"));

const WIDE = "(min-width: 64rem)"; // where the list has a column of its own

export function ChatPage() {
  const session = useSession();
  if (session.isPending) return <Loading />;
  if (session.isError)
    return (
      <MessagePage title={t("Can't reach the server")}>
        <ErrorMessage error={session.error} onRetry={() => void session.refetch()} />
      </MessagePage>
    );
  return session.data.user ? <Chat /> : <SignInForms />;
}

function Chat() {
  const { id } = useParams();
  const [drawer, setDrawer] = useState(false);
  const [help, setHelp] = useState(false);
  const [collapsed, setCollapsed] = usePersisted("sidebar.collapsed", false);
  const navigate = useNavigate();
  const search = () => [...document.querySelectorAll<HTMLElement>("[type=search]")].find((box) => box.checkVisibility());
  useShortcuts({
    onSearch: useStable(() => {
      if (search()) return search()!.focus();
      setDrawer(true);
      setTimeout(() => search()?.focus());
    }),
    onNew: useStable(() => void navigate("/")),
    onHelp: useStable(() => setHelp(true)),
  });
  return (
    <div className="flex h-(--visible) overflow-hidden">
      <a
        href="#conversation"
        onClick={(event) => {
          event.preventDefault();
          (document.getElementById("message") ?? document.getElementById("conversation"))?.focus();
        }}
        className="absolute top-2 start-2 z-50 -translate-y-20 rounded-lg bg-ink px-3 py-2 text-sm text-canvas focus:translate-y-0"
      >
        {t("Skip to the conversation")}
      </a>
      <Sidebar current={id} open={drawer} onClose={() => setDrawer(false)} collapsed={collapsed} onCollapse={() => setCollapsed(true)} />
      <main id="conversation" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
        <Conversation
          address={id}
          collapsed={collapsed}
          onMenu={() => (matchMedia(WIDE).matches ? setCollapsed(null) : setDrawer(true))}
        />
      </main>
      <Dialog open={help} onClose={() => setHelp(false)} title={t("Keyboard shortcuts")}>
        <dl className="space-y-2 text-sm">
          {SHORTCUTS.map(({ keys, text }) => (
            <div key={keys} className="flex justify-between gap-4">
              <dt>{text}</dt>
              <dd>
                <kbd className="rounded-md border border-line bg-panel px-1.5 py-0.5 font-mono text-xs whitespace-nowrap">{keys}</kbd>
              </dd>
            </div>
          ))}
        </dl>
      </Dialog>
    </div>
  );
}

interface Begun {
  key: string;
  conversation?: string;
}

/**
 * The conversation in view, its turns that are not all stored yet, and how to begin a new conversation's. A new
 * conversation is in view as soon as it has an id; its address follows, and no draft or focus is lost on the way.
 */
function useConversationTurns(id: string | undefined): [string | undefined, Turn[], (key: string) => void] {
  const navigate = useNavigate();
  const [begun, setBegun] = useState<Begun | null>(null);
  const arrived = useRef<string>(undefined);
  const conversation = id ?? begun?.conversation;
  const its = useTurns().filter((each) => (conversation ? each.conversationId === conversation : each.key === begun?.key));
  const born = conversation ? undefined : its.at(-1)?.conversationId;

  useLayoutEffect(() => {
    if (!born) return;
    arrived.current = born;
    moveDraft(messageDraft(undefined), messageDraft(born));
    setBegun((turn) => turn && { ...turn, conversation: born });
    void navigate(`/c/${born}`, { replace: true });
  }, [born, navigate]);
  useEffect(() => () => setBegun(null), [id]);
  useEffect(() => {
    if (arrived.current !== conversation || !conversation) focusMessage();
    arrived.current = undefined;
  }, [conversation]);
  const begin = useStable((key: string) => setBegun({ key }));
  return [conversation, its, begin];
}

/** Says so when messages appear that were not sent from here. */
function useNews(id: string | undefined, stored: readonly { id: string }[] | undefined, own: boolean) {
  const toast = useToast();
  const seen = useRef<{ id?: string; ids?: Set<string> }>({});
  useEffect(() => {
    const before = seen.current;
    const ids = stored && new Set(stored.map((message) => message.id));
    seen.current = { id, ids };
    if (own || before.id !== id || !before.ids?.size || !ids) return;
    const known = before.ids;
    if ([...ids].some((each) => !known.has(each) && !turns.stored.has(each))) toast(t("New messages from another window are shown."));
  }, [id, stored, own, toast]);
}

interface ConversationProps {
  /** In the address. */
  address: string | undefined;
  collapsed: boolean;
  onMenu: () => void;
}

function Conversation({ address, collapsed, onMenu }: ConversationProps) {
  const { data: session } = useSession();
  const [id, its, begin] = useConversationTurns(address);
  const stored = useConversation(id);
  const turn = its.at(-1);
  const [branches, choose] = useBranches(id);
  const [training, setTraining] = useState<boolean | null>(null);
  const [system, setSystem] = useState("");
  const [review, setReview] = usePersisted(comparisonName(id), "");

  const live = isLive(turn);
  const written = stored.data?.messages;
  const messages = its.reduce(withTurn, written ?? []);
  const path = visiblePath(messages, branches);
  const asked = turn && turn.request.n > 1 && turn.state !== "failed" ? turn : undefined;
  const completion = asked ? asked.completionId : review;
  const compared = asked || review ? comparedAnswers(messages, completion) : [];
  const comparing = asked !== undefined || compared.length > 1;

  useNews(id, written, its.length > 0);
  useEffect(() => stored.data?.turns.forEach((begun) => turns.watch(stored.data.id, begun)), [stored.data]);
  useEffect(() => {
    if (asked?.completionId && asked.conversationId) persist(comparisonName(asked.conversationId), asked.completionId);
  }, [asked?.conversationId, asked?.completionId]);
  useEffect(() => {
    setTraining(null);
    setSystem("");
  }, [id]);
  useEffect(() => {
    document.title = stored.data?.title ? `${stored.data.title} · Tutelage` : "Tutelage";
  }, [stored.data?.title]);
  useEffect(() => {
    if (!live || !turn) return;
    const stop = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) turns.stop(turn.key);
    };
    addEventListener("keydown", stop);
    return () => removeEventListener("keydown", stop);
  }, [live, turn?.key]);

  const ask = useStable((prompt: Prompt) => {
    setReview(null);
    choose(keyOf(prompt.parentId), null);
    const key = turns.start({ ...prompt, conversationId: id ?? null, training: id ? null : training });
    if (!id) begin(key);
  });
  const branch = useStable((message: Message) => choose(keyOf(message.parent_id), message.id));
  const compare = useStable((message: Message) => setReview(message.completion_id));

  function retry() {
    if (!turn) return;
    const { draft, text } = turn.request;
    turns.forget(turn.key);
    if (draft && persisted(draft, "") === text) persist(draft, null);
    const again = turn.promptId && turn.conversationId ? { parentId: turn.promptId, text: null } : turn.request;
    ask({ ...turn.request, parentId: again.parentId, text: again.text });
  }

  function endComparison(choice: Message | null) {
    if (choice) choose(keyOf(choice.parent_id), choice.id);
    if (asked) turns.forget(asked.key);
    setReview(null);
  }

  if (id && stored.isError && !written && !turn)
    return (
      <>
        <Header collapsed={collapsed} onMenu={onMenu} training={null} onTraining={setTraining} />
        <div className="mx-auto w-full max-w-3xl p-6">
          {stored.error instanceof ApiError && stored.error.status === 404 ? (
            <>
              <ErrorMessage error={stored.error} />
              <p className="mt-4 text-sm text-muted">
                <Trans i18nKey="It may have been deleted, or belong to another account. <a>Start a new chat</a>" components={{ a: <Link to="/" className="font-medium text-accent-ink underline underline-offset-4" /> }} />
              </p>
            </>
          ) : (
            <ErrorMessage error={stored.error} onRetry={() => void stored.refetch()} />
          )}
        </div>
      </>
    );

  const empty = path.length === 0 && (!turn || isReturned(turn));
  const loading = id !== undefined && stored.isPending && !turn;
  const shown = comparing ? path.slice(0, path.findIndex((message) => message.id === compared[0]?.parent_id) + 1) : path;
  const draft = messageDraft(id);
  const stop = () => turn && turns.stop(turn.key);
  const send = (text: string, n: number) => ask({ parentId: continuation(path), text, n, draft, ...(!id && system && { system }) });

  return (
    <>
      <Header
        collapsed={collapsed}
        onMenu={onMenu}
        conversation={stored.data}
        leaf={live ? undefined : path.at(-1)?.id}
        training={stored.data?.training ?? training ?? session?.user?.training ?? false}
        onTraining={setTraining}
      />
      <Scroller filled={path.length > 0} follow={live} still={comparing} conversation={id}>
        {session?.user && !session.user.consented && <ConsentCard />}
        {loading && <Skeleton lines={6} className="mx-auto max-w-3xl px-5 py-10" />}
        {empty && !loading && <Welcome starters={session?.starters ?? []} onPick={(text) => send(text, 1)} />}
        <Thread
          path={shown}
          messages={messages}
          turn={turn}
          onAsk={ask}
          onRetry={retry}
          onBranch={branch}
          onCompare={compare}
        />
        {comparing && compared.length > 1 && (
          <Suspense>
            <Compare key={completion} answers={compared} live={live} onStop={stop} onEnd={endComparison} />
          </Suspense>
        )}
      </Scroller>
      {!comparing && (
        <Composer
          key={session?.user?.id}
          draft={draft}
          limit={session?.max_message_chars ?? Infinity}
          live={live}
          onSend={send}
          onStop={stop}
        >
          {!id && empty && <SystemChoice text={system} onChange={setSystem} />}
        </Composer>
      )}
    </>
  );
}

/** The answers of a completion, whose id is not known before the first chunk. */
function comparedAnswers(messages: Message[], completionId: string | null): Message[] {
  return messages
    .filter((message) => message.role === "assistant")
    .filter((message) => (completionId ? message.completion_id === completionId : isPending(message)))
    .sort((a, b) => (a.choice ?? 0) - (b.choice ?? 0));
}
