/** Blind tests of two policies: calls and cached reads. */
import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type BlindTest = Schemas["BlindTest"];
export type BlindPair = Schemas["BlindPair"];
export type BlindShare = Schemas["BlindShare"];

const one = (test_id: string) => ({ params: { path: { test_id } } });

export const blind = {
  start: (policies: string[], prompts: string[]) =>
    unwrap(api.POST("/v1/operator/blind-tests", { body: { policies, prompts } })),
  rate: (test_id: string, prompt_id: string, preferred: string | null) =>
    unwrap(api.POST("/v1/operator/blind-tests/{test_id}/judgements", { ...one(test_id), body: { prompt_id, preferred } })),
};

export function useBlindTests() {
  return useQuery({ queryKey: ["operator", "blind"], queryFn: () => unwrap(api.GET("/v1/operator/blind-tests")) });
}

export function useBlindTest(id: string) {
  return useQuery({
    queryKey: ["operator", "blind", id],
    queryFn: () => unwrap(api.GET("/v1/operator/blind-tests/{test_id}", one(id))),
  });
}
