/** Trials of policies, pins, the leaderboard and the schedule: calls and cached reads. */
import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Trial = Schemas["ExperimentItem"];
export type TrialStart = Schemas["ExperimentStart"];
export type Board = Schemas["BoardItem"];
export type Rating = Schemas["RatingItem"];
export type Schedule = Schemas["ScheduleItem"];
export type ScheduleState = Schemas["ScheduleState"];
export type Ending = Schemas["Ending"];

/** A difference of the policy on trial from the current one, with its always-valid interval. */
export interface Difference {
  difference: number;
  low: number;
  high: number;
  people: number;
}

const one = (experiment_id: string) => ({ params: { path: { experiment_id } } });

export const trials = {
  list: () => unwrap(api.GET("/v1/operator/experiments")),
  start: (body: TrialStart) => unwrap(api.POST("/v1/operator/experiments", { body })),
  share: (id: string, share: number) =>
    unwrap(api.POST("/v1/operator/experiments/{experiment_id}/share", { ...one(id), body: { share } })),
  end: (id: string, act: Ending) =>
    unwrap(
      api.POST("/v1/operator/experiments/{experiment_id}/{act}", { params: { path: { experiment_id: id, act } } }),
    ),
  shadows: (id: string) => unwrap(api.GET("/v1/operator/experiments/{experiment_id}/shadows", one(id))),
  leaderboard: () => unwrap(api.GET("/v1/operator/leaderboard")),
  schedule: () => unwrap(api.GET("/v1/operator/schedule")),
  setSchedule: (body: Schemas["ScheduleRequest"]) => unwrap(api.PUT("/v1/operator/schedule", { body })),
};

export function useTrials() {
  return useQuery({ queryKey: ["operator", "trials"], queryFn: trials.list, refetchInterval: 5_000 });
}

export function useShadows(id: string) {
  return useQuery({ queryKey: ["operator", "trials", id, "shadows"], queryFn: () => trials.shadows(id) });
}

export function useLeaderboard() {
  return useQuery({ queryKey: ["operator", "leaderboard"], queryFn: trials.leaderboard });
}

export function useSchedule() {
  return useQuery({ queryKey: ["operator", "schedule"], queryFn: trials.schedule, refetchInterval: 30_000 });
}
