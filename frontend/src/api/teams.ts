/** Teams: people whose chats teach a policy of their own. */
import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

export type Team = components["schemas"]["TeamItem"];

const one = (team_id: string) => ({ params: { path: { team_id } } });

export const teams = {
  list: () => unwrap(api.GET("/v1/operator/teams")),
  create: (name: string) => unwrap(api.POST("/v1/operator/teams", { body: { name } })),
  rename: (id: string, name: string) => unwrap(api.PATCH("/v1/operator/teams/{team_id}", { ...one(id), body: { name } })),
  erase: (id: string) => unwrap(api.DELETE("/v1/operator/teams/{team_id}", one(id))),
  add: (id: string, user_id: string) =>
    unwrap(api.POST("/v1/operator/teams/{team_id}/members", { ...one(id), body: { user_id } })),
  remove: (team_id: string, user_id: string) =>
    unwrap(api.DELETE("/v1/operator/teams/{team_id}/members/{user_id}", { params: { path: { team_id, user_id } } })),
};

export function useTeams() {
  return useQuery({ queryKey: ["operator", "teams"], queryFn: teams.list });
}
