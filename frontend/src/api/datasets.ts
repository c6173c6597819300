/** Imported datasets, and the export of collected feedback. */
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
  /** Whether flagged examples are imported. */
  flagged: "keep" | "exclude";
}

/** Sends a file as raw bytes, not as JSON. */
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
