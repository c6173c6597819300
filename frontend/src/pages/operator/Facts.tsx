/** Numbers with their names, in columns. */
import clsx from "clsx";
import { figure } from "../../format";

export function Facts({ facts, columns = 1 }: { facts: [string, number][]; columns?: 1 | 2 | 3 }) {
  return (
    <dl className={clsx("grid gap-x-8 text-sm", columns > 1 && "sm:grid-cols-2", columns > 2 && "lg:grid-cols-3")}>
      {facts.map(([name, value]) => (
        <div key={name} className="flex items-baseline justify-between gap-4 border-b border-line py-1.5">
          <dt className="min-w-0 truncate text-muted" title={name}>
            {name}
          </dt>
          <dd className="font-medium tabular-nums">{figure(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
