/** Traffic over time, feedback by policy, and the rows behind both. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Traffic = Schemas["Traffic"];
export type Window = Schemas["TrafficWindow"];
export type PolicyFeedback = Schemas["PolicyOpinion"];
export type Share = Schemas["Proportion"];
export type AnswerKind = Schemas["Kind"];
export type FeedbackEntryKind = Schemas["FeedbackKind"];

const LIVE_MS = 5_000;

export function useTraffic(hours: number) {
  return useQuery({
    queryKey: ["operator", "traffic", hours],
    queryFn: () => unwrap(api.GET("/v1/operator/traffic", { params: { query: { hours } } })),
    refetchInterval: LIVE_MS,
    placeholderData: (before) => before,
  });
}

export function useAnswers(query: { hours: number; kind?: AnswerKind; policy_id?: string }) {
  return useInfiniteQuery({
    queryKey: ["operator", "answers", query],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/v1/operator/answers", { params: { query: { ...query, after: pageParam || undefined } } })),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
}

export function usePolicyFeedback() {
  return useQuery({
    queryKey: ["operator", "opinions"],
    queryFn: () => unwrap(api.GET("/v1/operator/opinions")),
    refetchInterval: 30_000,
  });
}

export function useFeedbackEntries(query: { kind?: FeedbackEntryKind; policy_id?: string; author_id?: string; hours?: number }) {
  return useInfiniteQuery({
    queryKey: ["operator", "judgements", query],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/v1/operator/judgements", { params: { query: { ...query, after: pageParam || undefined } } })),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
}
