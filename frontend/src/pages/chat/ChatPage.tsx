/** The chat: conversations at the side, the branch in view, and the composer. */
import { lazy, Suspense, useEffect, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useConversation, useSession } from "../../api/queries";
import type { Message } from "../../api/types";
import { Loading, Skeleton } from "../../components/feedback/Loading";
import { MessagePage } from "../../components/feedback/MessagePage";
import { ErrorMessage } from "../../components/feedback/ErrorMessage";
import { SignInForms } from "../SignInPage";
import { Composer } from "./Composer";
import { ConsentCard } from "./consent/ConsentCard";
import { Header } from "./Header";
import { Scroller } from "./Scroller";
import { Sidebar } from "./sidebar/Sidebar";
import { useBranches } from "./storage";
import { Thread } from "./Thread";
import { keyOf, visiblePath } from "./tree";
import { continuation, isLive, isPending, withTurn, type Prompt, type Turn } from "./turn";
import { turns, useTurns } from "./turns";
import { Welcome } from "./Welcome";

const Compare = lazy(() => import("./compare/Compare"));

export function ChatPage() {
  const session = useSession();
  if (session.isPending) return <Loading />;
  if (session.isError)
    return (
      <MessagePage title="Can't reach the server">
        <ErrorMessage error={session.error} onRetry={() => void session.refetch()} />
      </MessagePage>
    );
  return session.data.user ? <Chat /> : <SignInForms />;
}

function Chat() {
  const { id } = useParams();
  const [drawer, setDrawer] = useState(false);
  return (
    <div className="flex h-dvh overflow-hidden">
      <Sidebar current={id} open={drawer} onClose={() => setDrawer(false)} />
      <main className="flex min-w-0 flex-1 flex-col">
        <Conversation id={id} onMenu={() => setDrawer(true)} />
      </main>
    </div>
  );
}

function useTurn(id: string | undefined): [Turn | undefined, (key: string) => void] {
  const navigate = useNavigate();
  const [fresh, setFresh] = useState<string | null>(null);
  const all = useTurns();
  const turn = all.findLast((each) => (id ? each.conversationId === id : each.key === fresh));
  const born = id ? undefined : turn?.conversationId;

  useEffect(() => {
    if (born) void navigate(`/c/${born}`, { replace: true });
  }, [born, navigate]);
  useEffect(() => () => setFresh(null), [id]);
  return [turn, setFresh];
}

/** The completion whose answers are being compared; its id is not known before the first chunk. */
interface Comparison {
  conversationId: string | null;
  completionId: string | null;
}

function Conversation({ id, onMenu }: { id: string | undefined; onMenu: () => void }) {
  const { data: session } = useSession();
  const stored = useConversation(id);
  const [turn, setFresh] = useTurn(id);
  const [branches, choose] = useBranches(id);
  const [training, setTraining] = useState<boolean | null>(null);
  const [review, setReview] = useState<Comparison | null>(null);

  const live = isLive(turn);
  const messages = withTurn(stored.data?.messages ?? [], turn);
  const path = visiblePath(messages, branches);
  const asked = turn && turn.request.n > 1 && turn.state !== "failed" ? turn : undefined;
  const comparing: Comparison | null = asked ?? (review?.conversationId === id ? review : null);
  const compared = comparing ? comparedAnswers(messages, comparing) : [];

  useEffect(() => {
    if (asked?.completionId) setReview({ conversationId: asked.conversationId, completionId: asked.completionId });
  }, [asked?.conversationId, asked?.completionId]);
  useEffect(() => setTraining(null), [id]);
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

  function ask(prompt: Prompt) {
    setReview(null);
    choose(keyOf(prompt.parentId), null);
    const key = turns.start({ ...prompt, conversationId: id ?? null, training: id ? null : training });
    if (!id) setFresh(key);
  }

  function retry() {
    if (!turn) return;
    turns.forget(turn.key);
    const again = turn.promptId && turn.conversationId ? { parentId: turn.promptId, text: null } : turn.request;
    ask({ ...turn.request, parentId: again.parentId, text: again.text });
  }

  function endComparison(choice: Message | null) {
    if (choice) choose(keyOf(choice.parent_id), choice.id);
    if (asked) turns.forget(asked.key);
    setReview(null);
  }

  if (id && stored.isError && !turn)
    return (
      <>
        <Header onMenu={onMenu} training={null} onTraining={setTraining} />
        <div className="mx-auto w-full max-w-3xl p-6">
          <ErrorMessage error={stored.error} onRetry={() => void stored.refetch()} />
        </div>
      </>
    );

  const empty = path.length === 0 && !turn;
  const loading = id !== undefined && stored.isPending && !turn;
  const shown = comparing ? path.slice(0, path.findIndex((message) => message.id === compared[0]?.parent_id) + 1) : path;
  const stop = () => turn && turns.stop(turn.key);
  const send = (text: string, n: number) => ask({ parentId: continuation(path), text, n });

  return (
    <>
      <Header
        onMenu={onMenu}
        conversation={stored.data}
        leaf={live ? undefined : path.at(-1)?.id}
        training={stored.data?.training ?? training ?? session?.user?.training ?? false}
        onTraining={setTraining}
      />
      <Scroller filled={path.length > 0} follow={live} still={comparing !== null} conversation={id}>
        {session?.user && !session.user.consented && <ConsentCard />}
        {loading && <Skeleton lines={6} className="mx-auto max-w-3xl px-5 py-10" />}
        {empty && !loading && <Welcome onPick={(text) => send(text, 1)} />}
        <Thread
          path={shown}
          messages={messages}
          turn={turn}
          onAsk={ask}
          onRetry={retry}
          onBranch={(message) => choose(keyOf(message.parent_id), message.id)}
          onCompare={(message) => setReview({ conversationId: id ?? null, completionId: message.completion_id })}
        />
        {comparing && compared.length > 1 && (
          <Suspense>
            <Compare key={comparing.completionId} answers={compared} live={live} onStop={stop} onEnd={endComparison} />
          </Suspense>
        )}
      </Scroller>
      {!comparing && (
        <Composer key={`${session?.user?.id} ${id ?? "new"}`} conversation={id} live={live} onSend={send} onStop={stop} />
      )}
    </>
  );
}

function comparedAnswers(messages: Message[], { completionId }: Comparison): Message[] {
  return messages
    .filter((message) => message.role === "assistant")
    .filter((message) => (completionId ? message.completion_id === completionId : isPending(message)))
    .sort((a, b) => (a.choice ?? 0) - (b.choice ?? 0));
}
