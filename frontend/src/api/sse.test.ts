import { expect, test } from "vitest";
import { EventParser, readEvents } from "./sse";

const bytes = (...parts: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      parts.forEach((part) => controller.enqueue(part));
      controller.close();
    },
  });

async function collect(body: ReadableStream<Uint8Array>): Promise<string[]> {
  const events: string[] = [];
  for await (const event of readEvents(body)) events.push(event);
  return events;
}

test("gives the data of each complete event", () => {
  expect(new EventParser().push("data: one\n\ndata: two\n\ndata: thr")).toEqual(["one", "two"]);
});

test("joins an event that arrives in pieces", () => {
  const parser = new EventParser();
  const events = [..."data: {\"a\":1}\n\ndata: [DONE]\n\n"].flatMap((piece) => parser.push(piece));
  expect(events).toEqual(['{"a":1}', "[DONE]"]);
});

test("takes carriage returns, also when one is cut from its line feed", () => {
  const parser = new EventParser();
  expect([...parser.push("data: x\r"), ...parser.push("\n\r\ndata: y\r\n\r\n")]).toEqual(["x", "y"]);
});

test("ignores comments and other fields", () => {
  expect(new EventParser().push(": ping\n\nevent: message\nid: 4\ndata: x\n\n")).toEqual(["x"]);
});

test("joins several data lines with a line feed", () => {
  expect(new EventParser().push("data: a\ndata:b\n\n")).toEqual(["a\nb"]);
});

test("decodes characters that are cut between reads", async () => {
  const text = new TextEncoder().encode("data: grüße 🎓\n\n");
  expect(await collect(bytes(text.slice(0, 9), text.slice(9, 16), text.slice(16)))).toEqual(["grüße 🎓"]);
});
