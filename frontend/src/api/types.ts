/** The nouns of the service, as the pages use them. */

export type Role = "user" | "labeler" | "operator";

export interface User {
  id: string;
  name: string;
  role: Role;
  training: boolean;
  consented: boolean;
}

export interface Session {
  user: User | null;
  guests: boolean;
}

export interface Page<Row> {
  data: Row[];
  has_more: boolean;
}

export interface ConversationRow {
  id: string;
  title: string;
  training: boolean;
  created_at: number;
  updated_at: number;
}

export interface Conversation extends ConversationRow {
  messages: Message[];
}

export interface Verdict {
  action: string;
  categories: string[];
  message: string;
}

export interface Message {
  id: string;
  parent_id: string | null;
  role: string;
  content: string;
  completion_id: string | null;
  choice: number | null;
  policy_id: string | null;
  finish_reason: string | null;
  created_at: number;
  moderation: Verdict | null;
  feedback: FeedbackRow[];
}

export type FeedbackKind = "thumbs" | "ranking" | "edit" | "report";

export interface FeedbackRow {
  id: string;
  kind: string;
  target: string;
  value: Record<string, unknown>;
  created_at: number;
}

export type Thumb = "up" | "down";

export type FeedbackBody =
  | { message_id: string; kind: "thumbs"; value: Thumb; reasons?: string[]; comment?: string }
  | { message_id: string; kind: "edit"; text: string }
  | { message_id: string; kind: "report"; category: string; comment?: string }
  | { completion_id: string; kind: "ranking"; ranking: number[][]; positions: number[] };

export type Preset = "smoke" | "quick" | "standard";

export interface Readiness {
  ready: boolean;
  missing: string[];
}

export interface Summary {
  current_policy: string | null;
  feedback: Record<string, number>;
  consented_conversations: number;
  policies: number;
  users: number;
  ready: Record<string, Readiness>;
}

export type IterationState = "queued" | "running" | "promoted" | "refused" | "failed" | "cancelled";

export interface Iteration {
  id: string;
  state: IterationState;
  preset: string;
  parent_policy_id: string;
  policy_id: string | null;
  progress: Progress;
  metrics: Record<string, unknown>;
  decision: string | null;
  reasons: string[];
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

export interface Progress {
  stage?: string;
  done?: number;
  total?: number;
  eta_seconds?: number | null;
}

export type MetricRow = Record<string, number | string | null>;

export interface IterationDetail extends Iteration {
  stages: { sft?: MetricRow[]; reward_model?: Record<string, unknown>; ppo?: MetricRow[] };
  report: string | null;
}

export type PolicyState = "candidate" | "canary" | "current" | "retired" | "rejected";

export interface Policy {
  id: string;
  parent_id: string | null;
  iteration_id: string | null;
  state: PolicyState;
  created_at: number;
  promoted_at: number | null;
  metrics: Record<string, unknown>;
}

export interface PolicyDetail extends Policy {
  manifest: Record<string, unknown>;
  card: string;
}

export type ReportState = "open" | "accepted" | "dismissed";

export interface Report {
  id: string;
  message_id: string;
  category: string;
  comment: string;
  state: ReportState;
  created_at: number;
}

export interface AuditEvent {
  seq: number;
  at: number;
  actor: string;
  action: string;
  subject: string;
  details: Record<string, unknown>;
}
