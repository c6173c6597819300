/** Experiments, the leaderboard and the schedule: calls and cached reads. */
import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Experiment = Schemas["ExperimentItem"];
export type ExperimentStart = Schemas["ExperimentStart"];
export type LeaderboardBoard = Schemas["BoardItem"];
export type LeaderboardRating = Schemas["RatingItem"];
export type Schedule = Schemas["ScheduleItem"];
export type ScheduleState = Schemas["ScheduleState"];
export type Forecast = Schemas["ForecastItem"];
export type Ending = Schemas["Ending"];

/** A difference between the candidate and the current policy, with its interval. */
export interface MetricDifference {
  difference: number;
  low: number;
  high: number;
  people: number;
}

const one = (experiment_id: string) => ({ params: { path: { experiment_id } } });

export const experiments = {
  list: () => unwrap(api.GET("/v1/operator/experiments")),
  start: (body: ExperimentStart) => unwrap(api.POST("/v1/operator/experiments", { body })),
  share: (id: string, share: number) =>
    unwrap(api.POST("/v1/operator/experiments/{experiment_id}/share", { ...one(id), body: { share } })),
  end: (id: string, act: Ending) =>
    unwrap(
      api.POST("/v1/operator/experiments/{experiment_id}/{act}", { params: { path: { experiment_id: id, act } } }),
    ),
  shadows: (id: string) => unwrap(api.GET("/v1/operator/experiments/{experiment_id}/shadows", one(id))),
  leaderboard: () => unwrap(api.GET("/v1/operator/leaderboard")),
  forecast: (days: number, team_id?: string) =>
    unwrap(api.GET("/v1/operator/experiments/forecast", { params: { query: { days, team_id } } })),
  schedule: (team_id?: string) => unwrap(api.GET("/v1/operator/schedule", { params: { query: { team_id } } })),
  setSchedule: (body: Schemas["ScheduleRequest"]) => unwrap(api.PUT("/v1/operator/schedule", { body })),
};

export function useForecast(days: number, teamId?: string) {
  return useQuery({ queryKey: ["operator", "forecast", days, teamId], queryFn: () => experiments.forecast(days, teamId) });
}

export function useExperiments() {
  return useQuery({ queryKey: ["operator", "trials"], queryFn: experiments.list, refetchInterval: 5_000 });
}

export function useShadowAnswers(id: string) {
  return useQuery({ queryKey: ["operator", "trials", id, "shadows"], queryFn: () => experiments.shadows(id) });
}

export function useLeaderboard() {
  return useQuery({ queryKey: ["operator", "leaderboard"], queryFn: experiments.leaderboard });
}

export function useSchedule(teamId?: string) {
  return useQuery({
    queryKey: ["operator", "schedule", teamId],
    queryFn: () => experiments.schedule(teamId),
    refetchInterval: 30_000,
  });
}
