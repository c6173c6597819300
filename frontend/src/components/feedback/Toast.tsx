/** Short confirmations, announced to screen readers, that disappear after some seconds. */
import { CircleCheck } from "lucide-react";
import { createContext, useCallback, useContext, useRef, useState, type ReactNode } from "react";

const SHOWN_MS = 3500;

const Context = createContext<(message: string) => void>(() => undefined);

/** The function that shows a toast. */
export const useToast = () => useContext(Context);

export function Toasts({ children }: { children: ReactNode }) {
  const [message, setMessage] = useState("");
  const timer = useRef(0);

  const show = useCallback((next: string) => {
    clearTimeout(timer.current);
    setMessage(next);
    timer.current = window.setTimeout(() => setMessage(""), SHOWN_MS);
  }, []);

  return (
    <Context value={show}>
      {children}
      <div role="status" className="pointer-events-none fixed inset-x-0 top-4 z-70 flex justify-center px-4">
        {message && (
          <p className="flex animate-rise items-center gap-2 rounded-full bg-ink px-4 py-2 text-sm text-canvas shadow-float">
            <CircleCheck aria-hidden className="size-4" />
            {message}
          </p>
        )}
      </div>
    </Context>
  );
}
