/** Calls to the service. Every failure is an ApiError whose message can be shown to a person. */
import createClient from "openapi-fetch";
import { t } from "../i18n";
import type { paths } from "./schema";
import type { AppealState, FeedbackBody, LadderRequest, Labels, ModerationRules, Preset, ReportDecision, Side } from "./types";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const UNREACHABLE = t("Can't reach the server. Check your connection and try again.");

export const api = createClient<paths>({ fetch: reach });

/** A fetch whose error says that the server cannot be reached. */
async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(UNREACHABLE, 0);
  }
}

interface Outcome<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

export async function unwrap<Data>(call: Promise<Outcome<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok) throw failure(error, response.status);
  return data as Data;
}

function failure(body: unknown, status: number): ApiError {
  const message = (body as { error?: { message?: string } } | undefined)?.error?.message;
  return new ApiError(message ?? t("The server responded with status {{status}}. Try again in a moment.", { status }), status);
}

export const session = {
  get: () => unwrap(api.GET("/v1/session")),
  startGuest: () => unwrap(api.POST("/v1/session", { body: {} })),
  signIn: (login: string, password: string) => unwrap(api.POST("/v1/session", { body: { login, password } })),
  signUp: (login: string, password: string) => unwrap(api.POST("/v1/account", { body: { login, password } })),
  exchange: (link: string) => unwrap(api.POST("/v1/session", { body: { link } })),
  consent: (training: boolean) => unwrap(api.PATCH("/v1/session", { body: { training } })),
  end: () => unwrap(api.DELETE("/v1/session")),
};

const CONVERSATIONS = 40; // a page of the list

const one = (conversation_id: string) => ({ path: { conversation_id } });

export const conversations = {
  list: (after?: string, q?: string) =>
    unwrap(api.GET("/v1/conversations", { params: { query: { limit: CONVERSATIONS, after, q } } })),
  get: (id: string) => unwrap(api.GET("/v1/conversations/{conversation_id}", { params: one(id) })),
  update: (id: string, body: { title?: string; training?: boolean; pinned?: boolean }) =>
    unwrap(api.PATCH("/v1/conversations/{conversation_id}", { params: one(id), body })),
  erase: (id: string) => unwrap(api.DELETE("/v1/conversations/{conversation_id}", { params: one(id) })),
  stopTurn: (conversation_id: string, turn_id: string) =>
    unwrap(api.DELETE("/v1/conversations/{conversation_id}/turns/{turn_id}", { params: { path: { conversation_id, turn_id } } })),
};

export const systemPrompts = {
  list: () => unwrap(api.GET("/v1/system-prompts")),
  save: (name: string, text: string, shared: boolean) =>
    unwrap(api.POST(shared ? "/v1/operator/system-prompts" : "/v1/system-prompts", { body: { name, text } })),
  erase: (prompt_id: string, shared: boolean) =>
    unwrap(
      api.DELETE(shared ? "/v1/operator/system-prompts/{prompt_id}" : "/v1/system-prompts/{prompt_id}", {
        params: { path: { prompt_id } },
      }),
    ),
};

export const models = { list: () => unwrap(api.GET("/v1/models")) };

export interface ChatRequest {
  /** A policy id, or `tutelage` for the current policy. */
  model: string;
  messages: { role: "system" | "user"; content: string }[];
  n: number;
  conversation_id?: string;
  parent_id?: string | null;
  /** The message named as parent is a response, and is continued. */
  continue_final_message?: boolean;
}

/** Requests streamed answers; returns the body of the event stream. */
export async function streamChat(
  request: ChatRequest,
  { training, signal }: { training: boolean | null; signal: AbortSignal },
): Promise<ReadableStream<Uint8Array>> {
  const headers = training === false ? { "x-tutelage-training": "off" } : {};
  const { error, response } = await api.POST("/v1/chat/completions", {
    body: { ...request, stream: true },
    parseAs: "stream",
    headers,
    signal,
  });
  if (!response.ok || !response.body) throw failure(error, response.status);
  return response.body;
}

/** What follows the position `after` of a turn that is being written; the body of the event stream. */
export async function watchTurn(
  conversation_id: string,
  turn_id: string,
  after: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const { error, response } = await api.GET("/v1/conversations/{conversation_id}/turns/{turn_id}/events", {
    params: { path: { conversation_id, turn_id }, query: { after } },
    parseAs: "stream",
    signal,
  });
  if (!response.ok || !response.body) throw failure(error, response.status);
  return response.body;
}

export const feedback = {
  /** The key makes a repeated call idempotent. */
  give: (body: FeedbackBody, key: string) =>
    unwrap(api.POST("/v1/feedback", { body, headers: { "idempotency-key": key } })),
  copied: (message_id: string) =>
    unwrap(api.POST("/v1/feedback/copied/{message_id}", { params: { path: { message_id } } })),
  withdraw: (feedback_id: string) =>
    unwrap(api.DELETE("/v1/feedback/{feedback_id}", { params: { path: { feedback_id } } })),
};

export const moderation = {
  explain: (message_id: string) =>
    unwrap(api.GET("/v1/messages/{message_id}/moderation", { params: { path: { message_id } } })),
  appeal: (message_id: string, comment: string) =>
    unwrap(api.POST("/v1/messages/{message_id}/appeal", { params: { path: { message_id } }, body: { comment } })),
  cases: (state: AppealState | undefined, after?: string) =>
    unwrap(api.GET("/v1/operator/appeals", { params: { query: { state, after } } })),
  decide: (appeal_id: string, labels: Labels, answer: string) =>
    unwrap(
      api.POST("/v1/operator/appeals/{appeal_id}", { params: { path: { appeal_id } }, body: { labels, answer } }),
    ),
  rules: () => unwrap(api.GET("/v1/operator/moderation/rules")),
  card: () => unwrap(api.GET("/v1/operator/moderation/card")),
  setRules: (rules: ModerationRules | null) => unwrap(api.PUT("/v1/operator/moderation/rules", { body: { rules } })),
  learning: () => unwrap(api.GET("/v1/operator/moderation/learned")),
  learn: () => unwrap(api.POST("/v1/operator/moderation/learned")),
  useHeads: (version: string | null) => unwrap(api.PUT("/v1/operator/moderation/learned", { body: { version } })),
  effects: (side: Side) => unwrap(api.GET("/v1/operator/moderation/effects", { params: { query: { side } } })),
};

export const operator = {
  summary: () => unwrap(api.GET("/v1/operator/summary")),
  iterations: () => unwrap(api.GET("/v1/operator/iterations")),
  iteration: (iteration_id: string) =>
    unwrap(api.GET("/v1/operator/iterations/{iteration_id}", { params: { path: { iteration_id } } })),
  startIteration: (preset: Preset, team_id: string | null) =>
    unwrap(api.POST("/v1/operator/iterations", { body: { preset, team_id } })),
  ladder: (iteration_id: string) =>
    unwrap(api.GET("/v1/operator/iterations/{iteration_id}/ladder", { params: { path: { iteration_id } } })),
  compareLadder: (iteration_id: string, body: LadderRequest) =>
    unwrap(api.POST("/v1/operator/iterations/{iteration_id}/ladder", { params: { path: { iteration_id } }, body })),
  cancelIteration: (iteration_id: string) =>
    unwrap(api.POST("/v1/operator/iterations/{iteration_id}/cancel", { params: { path: { iteration_id } } })),
  policies: () => unwrap(api.GET("/v1/operator/policies")),
  policy: (policy_id: string) =>
    unwrap(api.GET("/v1/operator/policies/{policy_id}", { params: { path: { policy_id } } })),
  promote: (policy_id: string, explanation: string) =>
    unwrap(
      api.POST("/v1/operator/policies/{policy_id}/promote", { params: { path: { policy_id } }, body: { explanation } }),
    ),
  rollBack: () => unwrap(api.POST("/v1/operator/policies/rollback")),
  reports: (after?: string) => unwrap(api.GET("/v1/operator/reports", { params: { query: { after } } })),
  reviewReport: (report_id: string, body: ReportDecision) =>
    unwrap(api.POST("/v1/operator/reports/{report_id}", { params: { path: { report_id } }, body })),
  askAgain: (report_id: string) => unwrap(api.POST("/v1/operator/reports/{report_id}/again", { params: { path: { report_id } } })),
  similarReports: (report_id: string) =>
    unwrap(api.GET("/v1/operator/reports/{report_id}/alike", { params: { path: { report_id } } })),
  moderation: (after?: string) =>
    unwrap(api.GET("/v1/operator/moderation", { params: { query: { after, action: ["warn", "block"] } } })),
  audit: (after?: number) => unwrap(api.GET("/v1/operator/audit", { params: { query: { after } } })),
};
