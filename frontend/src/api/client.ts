/** Calls to the service. Every failure is an ApiError whose message can be shown to a person. */
import type {
  AuditEvent, Conversation, ConversationRow, FeedbackBody, FeedbackRow, Iteration, IterationDetail, Page, Policy,
  PolicyDetail, Preset, Report, ReportState, Session, Summary,
} from "./types";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null = null,
  ) {
    super(message);
  }
}

const UNREACHABLE = "The service cannot be reached. Check that it is running, then try again.";

/** A fetch whose failures, of the network or of the service, are ApiErrors. */
export async function send(method: string, path: string, body?: unknown, more?: RequestInit): Promise<Response> {
  const response = await fetch(path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    ...more,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...more?.headers },
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(UNREACHABLE, 0);
  });
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as { error?: { message?: string; code?: string } } | null;
  const message = body?.error?.message ?? `The service answered with status ${response.status}. Try again in a moment.`;
  return new ApiError(message, response.status, body?.error?.code ?? null);
}

async function call<T>(method: string, path: string, body?: unknown, more?: RequestInit): Promise<T> {
  const response = await send(method, path, body, more);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const id = encodeURIComponent;

export const session = {
  get: () => call<Session>("GET", "/v1/session"),
  startGuest: () => call<Session>("POST", "/v1/session", {}),
  exchange: (link: string) => call<Session>("POST", "/v1/session", { link }),
  consent: (training: boolean) => call<Session>("PATCH", "/v1/session", { training }),
  end: () => call<void>("DELETE", "/v1/session"),
};

export const conversations = {
  list: (after?: string, query?: string) => {
    const search = new URLSearchParams({ limit: "40", ...(after && { after }), ...(query && { q: query }) });
    return call<Page<ConversationRow>>("GET", `/v1/conversations?${search}`);
  },
  get: (conversation: string) => call<Conversation>("GET", `/v1/conversations/${id(conversation)}`),
  update: (conversation: string, change: { title?: string; training?: boolean }) =>
    call<ConversationRow>("PATCH", `/v1/conversations/${id(conversation)}`, change),
  erase: (conversation: string) => call<void>("DELETE", `/v1/conversations/${id(conversation)}`),
};

export const feedback = {
  give: (body: FeedbackBody, key: string) =>
    call<FeedbackRow>("POST", "/v1/feedback", body, { headers: { "idempotency-key": key } }),
  withdraw: (row: string) => call<unknown>("DELETE", `/v1/feedback/${id(row)}`),
};

export const operator = {
  summary: () => call<Summary>("GET", "/v1/operator/summary"),
  iterations: () => call<Page<Iteration>>("GET", "/v1/operator/iterations"),
  iteration: (iteration: string) => call<IterationDetail>("GET", `/v1/operator/iterations/${id(iteration)}`),
  startIteration: (preset: Preset) => call<Iteration>("POST", "/v1/operator/iterations", { preset }),
  cancelIteration: (iteration: string) => call<Iteration>("POST", `/v1/operator/iterations/${id(iteration)}/cancel`),
  policies: () => call<Page<Policy>>("GET", "/v1/operator/policies"),
  policy: (policy: string) => call<PolicyDetail>("GET", `/v1/operator/policies/${id(policy)}`),
  promote: (policy: string) => call<unknown>("POST", `/v1/operator/policies/${id(policy)}/promote`),
  rollBack: () => call<unknown>("POST", "/v1/operator/policies/rollback"),
  reports: (after?: string) => call<Page<Report>>("GET", `/v1/operator/reports${after ? `?after=${id(after)}` : ""}`),
  judgeReport: (report: string, state: ReportState) =>
    call<Report>("POST", `/v1/operator/reports/${id(report)}`, { state }),
  audit: (after?: string) => call<Page<AuditEvent>>("GET", `/v1/operator/audit${after ? `?after=${id(after)}` : ""}`),
};
