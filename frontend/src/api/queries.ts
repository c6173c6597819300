/** Cached reads of the service, one hook per query. */
import { QueryClient, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { ApiError, conversations, models, operator, session, systemPrompts } from "./client";
import type { Iteration, Session } from "./types";
import { setPerson } from "../local";

/** How often a service that did not answer is tried again. */
const RECOVER_MS = 4_000;

/** The service, or a proxy before it, is away; it may come back. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || (error.status >= 502 && error.status <= 504));
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      networkMode: "always", // a LAN without internet is not offline; and a failure is shown, not waited for
      refetchInterval: ({ state }) => (isUnreachable(state.error) ? RECOVER_MS : false),
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
    mutations: { networkMode: "always" },
  },
});

const POLL_MS = 2_000;

export function isUnfinished(iteration: Iteration | undefined): boolean {
  return iteration?.state === "queued" || iteration?.state === "running";
}

/** The session; a guest session is started if the service allows guests. */
export function useSession() {
  return useQuery({ queryKey: ["session"], queryFn: arrive, staleTime: Infinity });
}

async function arrive(): Promise<Session> {
  const here = await session.get();
  const found = here.user || !here.guests ? here : await session.startGuest();
  return entered(found);
}

/** From now on this browser's drafts are those of the session's user. */
export function entered(session: Session): Session {
  const { user } = session;
  setPerson(user?.id ?? "", user === null || (user.login === null && user.role === "user"));
  return session;
}

export function useConversations(query: string, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: ["conversations", query],
    queryFn: ({ pageParam }) => conversations.list(pageParam || undefined, query || undefined),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
    placeholderData: (before) => before,
    enabled,
  });
}

export function useConversation(id: string | undefined) {
  return useQuery({
    queryKey: ["conversation", id],
    queryFn: () => conversations.get(id!),
    enabled: id !== undefined,
    refetchOnWindowFocus: "always", // another device may have gone on with it
  });
}

/** Everyone's named system prompts, then one's own. */
export function useSystemPrompts() {
  return useQuery({ queryKey: ["system-prompts"], queryFn: systemPrompts.list, select: ({ data }) => data });
}

/** The policies that can be requested by id. */
export function useServablePolicies() {
  return useQuery({
    queryKey: ["models"],
    queryFn: models.list,
    select: ({ data }) => data.filter((model) => model.available && model.id === model.policy_id),
  });
}

export function useSummary() {
  return useQuery({ queryKey: ["operator", "summary"], queryFn: operator.summary, refetchInterval: 15_000 });
}

export function useIterations() {
  return useQuery({
    queryKey: ["operator", "iterations"],
    queryFn: operator.iterations,
    refetchInterval: ({ state }) => (state.data?.data.some(isUnfinished) ? POLL_MS : 15_000),
  });
}

export function useLadder(id: string) {
  return useQuery({
    queryKey: ["operator", "iterations", id, "ladder"],
    queryFn: () => operator.ladder(id),
    refetchInterval: ({ state }) => (state.data?.waiting ? POLL_MS : false),
  });
}

export function useIteration(id: string) {
  return useQuery({
    queryKey: ["operator", "iterations", id],
    queryFn: () => operator.iteration(id),
    refetchInterval: ({ state }) => (isUnfinished(state.data) ? POLL_MS : false),
  });
}

export function usePolicies() {
  return useQuery({ queryKey: ["operator", "policies"], queryFn: operator.policies, refetchInterval: 15_000 });
}

export function usePolicy(id: string) {
  return useQuery({ queryKey: ["operator", "policies", id], queryFn: () => operator.policy(id) });
}

export function useSimilarReports(reportId: string) {
  return useQuery({ queryKey: ["operator", "reports", reportId, "alike"], queryFn: () => operator.similarReports(reportId) });
}

export function useReports() {
  return useInfiniteQuery({
    queryKey: ["operator", "reports"],
    queryFn: ({ pageParam }) => operator.reports(pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
}

export function useModeration() {
  return useInfiniteQuery({
    queryKey: ["operator", "moderation"],
    queryFn: ({ pageParam }) => operator.moderation(pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
}

export function useAudit() {
  return useInfiniteQuery({
    queryKey: ["operator", "audit"],
    queryFn: ({ pageParam }) => operator.audit(pageParam),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.seq : undefined),
  });
}

/** Invalidates all queries whose key starts with the given parts. */
export function useRefresh() {
  const client = useQueryClient();
  return (...key: string[]) => client.invalidateQueries({ queryKey: key });
}
