/** What a shadow wrote beside what people were shown. */
import { useShadows } from "../../../api/trials";
import { Read } from "../Parts";

export function Shadows({ id }: { id: string }) {
  return (
    <div className="mt-4">
      <Read query={useShadows(id)}>
        {({ data }) =>
          data.length === 0 ? (
            <p className="text-sm text-muted">
              No turn was shadowed yet. Only conversations whose owners agreed to training are shown here.
            </p>
          ) : (
            <ul className="max-h-96 space-y-4 overflow-y-auto">
              {data.map((row) => (
                <li key={row.message_id} className="text-sm">
                  <p className="font-medium">{row.prompt}</p>
                  <div className="mt-1.5 grid gap-3 sm:grid-cols-2">
                    <Said who="Shown" text={row.shown} />
                    <Said who={row.action === "off" ? "Shadow" : `Shadow, moderation: ${row.action}`} text={row.shadow} />
                  </div>
                </li>
              ))}
            </ul>
          )
        }
      </Read>
    </div>
  );
}

function Said({ who, text }: { who: string; text: string }) {
  return (
    <div className="rounded-xl bg-panel px-3 py-2">
      <p className="text-xs text-muted">{who}</p>
      <p className="mt-0.5 whitespace-pre-wrap">{text || <span className="text-faint">empty</span>}</p>
    </div>
  );
}
