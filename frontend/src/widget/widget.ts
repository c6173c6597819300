/**
 * A chat for pages of other sites, as one script:
 *
 *     <script src="https://chat.example.org/widget.js" data-key="tk-…" data-title="Ask us" defer></script>
 *
 * data-key is a site key. Optional: data-title, data-greeting, data-theme (light, dark), data-training="off".
 */
import { Panel, type Keeper, type Options } from "./panel";
import { Service, visitorSecret } from "./service";
import type { Thread } from "./thread";

const THREAD = "tutelage-thread";
const GREETING = "You are chatting with an AI assistant. Its answers can be wrong.";

/** A storage that this page may use, or null. */
function storageOf(kind: "localStorage" | "sessionStorage"): Storage | null {
  try {
    return window[kind];
  } catch {
    return null;
  }
}

function keeper(storage: Storage | null): Keeper {
  return {
    read: () => {
      try {
        return JSON.parse(storage?.getItem(THREAD) ?? "null") as Thread | null;
      } catch {
        return null;
      }
    },
    write: (thread) => {
      try {
        storage?.setItem(THREAD, JSON.stringify(thread));
      } catch {
        // full, or not allowed: the chat lasts as long as the page
      }
    },
  };
}

function mount(script: HTMLScriptElement): void {
  const { key, title = "Chat with our assistant", greeting = GREETING, theme = "", training } = script.dataset;
  if (!key) {
    console.error("tutelage widget: the script needs data-key, a site key.");
    return;
  }
  const options: Options = { title, greeting, theme, asksTraining: training !== "off" };
  const service = new Service(new URL(script.src).origin, key, visitorSecret(storageOf("localStorage")));
  document.body.append(new Panel(service, options, keeper(storageOf("sessionStorage"))).host);
}

const script = document.currentScript ?? document.querySelector("script[data-key][src$='/widget.js']");
if (script instanceof HTMLScriptElement) {
  if (document.body) mount(script);
  else document.addEventListener("DOMContentLoaded", () => mount(script));
}
