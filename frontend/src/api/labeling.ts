/** Labelers' tasks, and their administration by operators. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Task = Schemas["AssignmentDetail"];
export type TaskRow = Schemas["AssignmentItem"];
export type TaskKind = "ranking" | "demonstration";
export type Turn = Schemas["DialogueTurn"];
export type Progress = Schemas["LabelingProgress"];
export type Disagreement = Schemas["Disagreement"];
export type TasksRequest = Schemas["TasksRequest"];

const one = (assignment_id: string) => ({ path: { assignment_id } });

export const labeling = {
  home: () => unwrap(api.GET("/v1/labeling")),
  instructions: () => unwrap(api.GET("/v1/labeling/instructions")),
  next: (kind: TaskKind, own = false) => unwrap(api.POST("/v1/labeling/next", { body: { kind, own } })),
  mine: (after?: string) => unwrap(api.GET("/v1/labeling/assignments", { params: { query: { after } } })),
  rank: (id: string, body: Schemas["RankRequest"]) =>
    unwrap(api.POST("/v1/labeling/assignments/{assignment_id}/ranking", { params: one(id), body })),
  demonstrate: (id: string, turns: Turn[], seconds: number) =>
    unwrap(api.POST("/v1/labeling/assignments/{assignment_id}/demonstration", { params: one(id), body: { turns, seconds } })),
  skip: (id: string, reason: string, seconds: number) =>
    unwrap(api.POST("/v1/labeling/assignments/{assignment_id}/skip", { params: one(id), body: { reason, seconds } })),
  undo: (id: string) => unwrap(api.POST("/v1/labeling/assignments/{assignment_id}/undo", { params: one(id) })),
  task: (id: string) => unwrap(api.GET("/v1/labeling/assignments/{assignment_id}", { params: one(id) })),
  makeGold: (id: string) => unwrap(api.POST("/v1/labeling/assignments/{assignment_id}/gold", { params: one(id) })),
  writeGold: (prompt: string, answers: string[][]) => unwrap(api.POST("/v1/labeling/gold", { body: { prompt, answers } })),
  suggest: (side: "user" | "assistant", turns: Turn[]) =>
    unwrap(api.POST("/v1/labeling/suggestions", { body: { side, turns } })),
};

export const labelingAdmin = {
  progress: () => unwrap(api.GET("/v1/operator/labeling")),
  make: (body: TasksRequest) => unwrap(api.POST("/v1/operator/labeling/tasks", { body })),
  disagreements: (every: boolean) =>
    unwrap(api.GET("/v1/operator/labeling/disagreements", { params: { query: { every } } })),
  gold: (task_id: string, ranking: string[][] | null) =>
    unwrap(api.POST("/v1/operator/labeling/tasks/{task_id}/gold", { params: { path: { task_id } }, body: { ranking } })),
};

export function useLabelingHome() {
  return useQuery({ queryKey: ["labeling", "home"], queryFn: labeling.home });
}

export function useInstructions() {
  return useQuery({ queryKey: ["labeling", "instructions"], queryFn: labeling.instructions, staleTime: Infinity });
}

/** The open task of that kind, or the next one; it stays until it is finished. */
export function useTask(kind: TaskKind) {
  return useQuery({
    queryKey: ["labeling", "task", kind],
    queryFn: () => labeling.next(kind),
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  });
}

export function useMyTasks() {
  return useInfiniteQuery({
    queryKey: ["labeling", "mine"],
    queryFn: ({ pageParam }) => labeling.mine(pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
}

export function useLabelingProgress() {
  return useQuery({ queryKey: ["operator", "labeling"], queryFn: labelingAdmin.progress, refetchInterval: 5_000 });
}

/** Tasks that labelers ranked differently, or all ranked tasks. */
export function useDisagreements(every: boolean) {
  return useQuery({ queryKey: ["operator", "labeling", "disputes", every], queryFn: () => labelingAdmin.disagreements(every) });
}
