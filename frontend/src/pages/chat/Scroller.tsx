/** The scrolling middle of the page: follows a growing answer unless the user has scrolled up. */
import { ArrowDown } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { t } from "../../i18n";

const NEAR_PX = 80;

interface ScrollerProps {
  /** There are messages; an empty chat starts at the top. */
  filled: boolean;
  /** An answer is being generated; its end stays in view. */
  follow: boolean;
  /** Disables automatic scrolling. */
  still: boolean;
  conversation: string | undefined;
  children: ReactNode;
}

export function Scroller({ filled, follow, still, conversation, children }: ScrollerProps) {
  const frame = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const pinned = useRef(filled);

  function measure() {
    const { scrollHeight, scrollTop, clientHeight } = frame.current!;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    pinned.current = near && !still;
    setAtEnd(near);
  }

  function toEnd(behavior: ScrollBehavior = "auto") {
    frame.current?.scrollTo({ top: frame.current.scrollHeight, behavior });
  }

  useLayoutEffect(() => {
    pinned.current = filled;
    if (filled) toEnd();
  }, [conversation, filled]);

  useEffect(() => {
    if (still) pinned.current = false;
    else if (follow) pinned.current = true;
  }, [follow, still]);

  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (pinned.current) toEnd();
      measure();
    });
    observer.observe(content.current!);
    return () => observer.disconnect();
  }, [still]);

  return (
    <div className="relative min-h-0 flex-1">
      <div ref={frame} onScroll={measure} className="h-full overflow-y-auto [scrollbar-gutter:stable_both-edges]">
        <div ref={content} className="flex min-h-full flex-col">
          {children}
        </div>
      </div>
      {filled && !still && !atEnd && (
        <button
          type="button"
          aria-label={t("Scroll to the latest message")}
          onClick={() => toEnd("smooth")}
          className="absolute bottom-3 left-1/2 inline-flex size-9 -translate-x-1/2 animate-appear items-center justify-center rounded-full border border-line bg-surface text-muted shadow-soft hover:text-ink"
        >
          <ArrowDown aria-hidden className="size-4" />
        </button>
      )}
    </div>
  );
}
