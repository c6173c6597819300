/** Imported data sets, and the export of what may be learned from. */
import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Dataset = Schemas["DatasetItem"];
export type Report = Schemas["DatasetReport"];

export interface Source {
  name: string;
  licence: string;
  origin: string;
  /** What becomes of the examples that moderation flags. */
  flagged: "keep" | "exclude";
}

/** A file as it is, not as JSON. */
const raw = { headers: { "content-type": "application/octet-stream" }, bodySerializer: (file: unknown) => file as BodyInit };

export const datasets = {
  list: () => unwrap(api.GET("/v1/operator/datasets")),
  send: (file: File, source: Source | null) =>
    unwrap(
      api.POST("/v1/operator/datasets", {
        ...raw,
        body: file as unknown as string,
        params: { query: source ? { ...source, check: false } : { check: true } },
      }),
    ),
  erase: (dataset_id: string) => unwrap(api.DELETE("/v1/operator/datasets/{dataset_id}", { params: { path: { dataset_id } } })),
};

export function useDatasets() {
  return useQuery({ queryKey: ["operator", "datasets"], queryFn: datasets.list });
}
