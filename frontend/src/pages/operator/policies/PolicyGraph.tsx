/** The lineage of all policies as a tree, from the base policy on the left. */
import clsx from "clsx";
import { linkHorizontal } from "d3-shape";
import { useEffect, useRef } from "react";
import { Link } from "react-router";
import type { Policy } from "../../../api/types";
import { t } from "../../../i18n";
import { comparisonOf, signed } from "./evaluation";
import { lineageTree, type LineageNode } from "./lineage";
import { Card } from "../../../components/Card";
import { StateBadge } from "../../../components/StateBadge";

const NODE = { width: 176, height: 74 };
const STEP = { x: 226, y: 92 }; // from one node to the next, by descent and side by side

const line = linkHorizontal<[LineageNode, LineageNode], { x: number; y: number }>()
  .source(([parent]) => ({ x: parent.depth * STEP.x + NODE.width, y: parent.row * STEP.y + NODE.height / 2 }))
  .target(([, child]) => ({ x: child.depth * STEP.x, y: child.row * STEP.y + NODE.height / 2 }))
  .x((point) => point.x)
  .y((point) => point.y);

export function PolicyGraph({ policies, shown }: { policies: Policy[]; shown?: string }) {
  const placed = lineageTree(policies);
  const byId = new Map(placed.map((node) => [node.policy.id, node]));
  const width = Math.max(...placed.map((node) => node.depth)) * STEP.x + NODE.width;
  const height = Math.max(...placed.map((node) => node.row)) * STEP.y + NODE.height;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.scrollTo({ left: width });
  }, [width]);

  return (
    <Card title={t("Lineage")} className="mb-4">
      <div ref={box} dir="ltr" className="overflow-x-auto p-0.5" tabIndex={0} role="region" aria-label={t("Policy lineage")}>
        <div className="relative" style={{ width, height }}>
          <svg aria-hidden width={width} height={height} className="absolute inset-0">
            {placed.map((node) => {
              const parent = byId.get(node.policy.parent_id ?? "");
              const refused = node.policy.state === "rejected";
              return (
                parent && (
                  <path
                    key={node.policy.id}
                    d={line([parent, node]) ?? undefined}
                    fill="none"
                    stroke={refused ? "var(--line-strong)" : "var(--accent)"}
                    strokeWidth={refused ? 1.5 : 2}
                    strokeDasharray={refused ? "4 4" : undefined}
                  />
                )
              );
            })}
          </svg>
          <ul>
            {placed.map((node) => (
              <Node key={node.policy.id} node={node} shown={node.policy.id === shown} />
            ))}
          </ul>
        </div>
      </div>
    </Card>
  );
}

function Node({ node: { policy, depth, row }, shown }: { node: LineageNode; shown: boolean }) {
  const measured = comparisonOf(policy.metrics ?? {});
  return (
    <li className="absolute" style={{ left: depth * STEP.x, top: row * STEP.y, ...NODE }}>
      <Link
        to={`/operator/policies/${policy.id}`}
        aria-current={shown ? "page" : undefined}
        className={clsx(
          "flex h-full flex-col justify-center gap-1.5 rounded-xl border bg-surface px-3 text-sm transition-colors hover:border-accent",
          shown || policy.state === "current" ? "border-accent ring-2 ring-accent/20" : "border-line-strong",
        )}
      >
        <span className="truncate font-medium">{policy.id}</span>
        <span className="flex items-center justify-between gap-2">
          <StateBadge state={policy.state} />
          {measured && (
            <span className="text-xs text-muted tabular-nums" title={t("Held-out score gain over the parent")}>
              {signed(measured.gain.mean)}
            </span>
          )}
        </span>
      </Link>
    </li>
  );
}
