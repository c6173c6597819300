/** Numbers with their names. */
import { figure, words } from "../../../format";

export function Facts({ facts }: { facts: [string, number][] }) {
  return (
    <dl className="text-sm">
      {facts.map(([name, value]) => (
        <div key={name} className="flex items-baseline justify-between gap-4 border-b border-line py-1.5">
          <dt className="min-w-0 truncate text-muted" title={name}>
            {words(name)}
          </dt>
          <dd className="font-medium tabular-nums">{figure(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
