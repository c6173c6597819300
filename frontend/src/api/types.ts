/** Names for the shapes of the generated schema that the pages use. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["SessionState"];
export type ConversationRow = Schemas["ConversationSummary"];
export type Conversation = Schemas["ConversationDetail"];
export type Message = Schemas["StoredMessage"];
export type TurnBegun = Schemas["TurnBegun"];
export type TurnProgress = Schemas["TurnProgress"];
export type Verdict = Schemas["ModerationNotice"];
export type Chunk = Partial<Schemas["ChatCompletionChunk"]> & Partial<Schemas["Error"]>;

export type FeedbackRow = Schemas["FeedbackItem"];
export type FeedbackKind = FeedbackRow["kind"];
export type FeedbackBody =
  | Schemas["ThumbsRequest"]
  | Schemas["RankingRequest"]
  | Schemas["EditRequest"]
  | Schemas["ReportRequest"];
export type Thumb = Schemas["ThumbsRequest"]["value"];

export type Summary = Schemas["OperatorSummary"];
export type Iteration = Schemas["IterationItem"];
export type IterationDetail = Schemas["IterationDetail"];
export type Ladder = Schemas["LadderItem"];
export type LadderRequest = Schemas["LadderRequest"];
export type Preset = NonNullable<Schemas["IterationRequest"]["preset"]>;
export type Policy = Schemas["PolicyItem"];
export type PolicyDetail = Schemas["PolicyDetail"];
export type Report = Schemas["ReportItem"];
export type ReportDecision = Schemas["ReportChange"];

export type VerdictDetail = Schemas["VerdictDetail"];
export type Finding = Schemas["Finding"];
export type AppealCase = Schemas["AppealCase"];
export type AppealState = Schemas["AppealState"];
export type Labels = Schemas["AppealDecision"]["labels"];
export type ModerationRules = Schemas["RulesInForce"]["rules"];
export type Effect = Schemas["ThresholdEffect"];
export type MeasuredFigures = Schemas["MeasuredFigures"];
export type Learning = Schemas["Learning"];
export type LearnedHeads = Schemas["LearnedHeads"];
export type Rule = Schemas["Rule"];
export type SignalReliability = Schemas["SignalReliability"];
export type SignalWeight = Schemas["SignalWeight"];
export type Side = "prompt" | "response";

/** The worker's progress in the current stage. */
export interface Progress {
  stage?: string;
  done?: number;
  total?: number;
  /** Of several parts of the stage, such as model 1 of 2. */
  part?: number;
  parts?: number;
  eta_seconds?: number | null;
  /** Seconds left of the whole iteration. */
  iteration_eta_seconds?: number | null;
  /** When the worker made its last step, in Unix seconds. */
  updated_at?: number;
}

export type MetricRow = Record<string, unknown>;
