/** Places policies as a tree: how many generations from the base, and in which row. */
import { stratify, tree } from "d3-hierarchy";
import type { Policy } from "../../../api/types";
import { t } from "../../../i18n";

export interface LineageNode {
  policy: Policy;
  depth: number;
  row: number;
}

const ABOVE_ALL = t("above all"); // several policies may be without a parent: imported ones, say

export function lineageTree(policies: readonly Policy[]): LineageNode[] {
  const known = new Set(policies.map((policy) => policy.id));
  const parentOf = (policy: Policy) => (policy.parent_id && known.has(policy.parent_id) ? policy.parent_id : ABOVE_ALL);
  const root = stratify<Policy | null>()
    .id((policy) => policy?.id ?? ABOVE_ALL)
    .parentId((policy) => (policy ? parentOf(policy) : undefined))([null, ...oldestFirst(policies)]);
  const nodes = tree<Policy | null>()
    .nodeSize([1, 1])
    .separation(() => 1)(root)
    .descendants();
  const top = Math.min(...nodes.map((node) => node.x));
  return nodes.flatMap((node) => (node.data ? [{ policy: node.data, depth: node.depth - 1, row: node.x - top }] : []));
}

function oldestFirst(policies: readonly Policy[]): Policy[] {
  return [...policies].sort((a, b) => (a.id < b.id ? -1 : 1));
}
