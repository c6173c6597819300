/** Tells the other tabs of this browser that a conversation has changed. */
import { queryClient } from "../../api/queries";

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("tutelage");

export function announce(conversation: string): void {
  channel?.postMessage(conversation);
}

channel?.addEventListener("message", ({ data }) => {
  void queryClient.invalidateQueries({ queryKey: ["conversations"] });
  void queryClient.invalidateQueries({ queryKey: ["conversation", data] });
});
