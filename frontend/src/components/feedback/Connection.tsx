/** Says that what is shown may be out of date, for as long as the service does not answer. */
import { CloudOff } from "lucide-react";
import { useSyncExternalStore } from "react";
import { isUnreachable, queryClient } from "../../api/queries";
import { t } from "../../i18n";

const cache = queryClient.getQueryCache();

/** A page shows data that could not be read again. */
function isStale(): boolean {
  return cache.findAll({ type: "active" }).some(({ state }) => state.data !== undefined && isUnreachable(state.error ?? state.fetchFailureReason));
}

export function Connection() {
  const stale = useSyncExternalStore((listener) => cache.subscribe(listener), isStale);
  if (!stale) return null;
  return (
    <p
      role="status"
      className="fixed bottom-4 start-4 z-60 flex max-w-[calc(100vw-2rem)] animate-rise items-center gap-2 rounded-full bg-ink px-4 py-2 text-sm text-canvas shadow-float"
    >
      <CloudOff aria-hidden className="size-4 shrink-0" />
      {t("Can't reach the server. This may be out of date.")}
    </p>
  );
}
