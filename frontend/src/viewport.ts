/** The height that the on-screen keyboard leaves. Safari tells it here only; it ignores `interactive-widget`. */

const LOW_PX = 480;

export function followVisibleHeight(): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const follow = () => {
    if (viewport.scale > 1.01) return; // zoomed in by hand
    const root = document.documentElement;
    root.style.setProperty("--visible", `${Math.round(viewport.height)}px`);
    root.toggleAttribute("data-low", viewport.height < LOW_PX);
    const fits = root.scrollHeight <= innerHeight;
    if (viewport.offsetTop > 0 && fits) scrollTo(0, 0); // pushed up, although all of it has room
  };
  viewport.addEventListener("resize", follow);
  viewport.addEventListener("scroll", follow);
  follow();
}
