/** The logo: an open loop. */
export function LogoMark({ className = "size-7" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden className={className}>
      <rect width="32" height="32" rx="9" fill="#0f766e" />
      <path
        d="M23.5 16a7.5 7.5 0 1 1-3.2-6.15"
        fill="none"
        stroke="#fff"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
      <circle cx="22.6" cy="9.6" r="2.4" fill="#99f6e4" />
    </svg>
  );
}

export function Logo() {
  return (
    <span className="inline-flex items-center gap-2.5">
      <LogoMark />
      <span className="pt-0.5 font-serif text-[22px] leading-none font-medium tracking-[-0.01em]">Tutelage</span>
    </span>
  );
}
