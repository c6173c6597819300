import { afterEach, beforeEach, expect, test, vi } from "vitest";

function storage(entries: Record<string, string> = {}): Storage {
  const store = { ...entries } as Record<string, string>;
  const methods = {
    getItem: (key: string) => store[key] ?? null,
    setItem: (key: string, value: string) => void (store[key] = value),
    removeItem: (key: string) => void delete store[key],
  };
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(store, name, { value, enumerable: false });
  return store as unknown as Storage;
}

async function modules() {
  return { ...(await import("./local")), ...(await import("./persisted")) };
}

beforeEach(() => vi.resetModules());
afterEach(() => vi.unstubAllGlobals());

test("a draft belongs to the account that wrote it", async () => {
  vi.stubGlobal("localStorage", storage());
  const { setPerson, persist, persisted } = await modules();
  setPerson("ada", false);
  persist("message.new", "my diagnosis is");
  setPerson("guest", true); // Ada's session has expired
  expect(persisted("message.new", "")).toBe("");
  setPerson("ada", false);
  expect(persisted("message.new", "")).toBe("my diagnosis is");
});

test("signing out, or in as someone else, deletes what was left", async () => {
  const store = storage({ "tutelage.theme": "dark", "tutelage.ada.message.new": '"secret"', other: "stays" });
  vi.stubGlobal("localStorage", store);
  const { setPerson, forgetPerson, persist } = await modules();
  setPerson("bob", false);
  expect(Object.keys(store).sort()).toEqual(["other", "tutelage.member", "tutelage.theme"]);
  persist("message.new", "mine");
  forgetPerson();
  expect(Object.keys(store).sort()).toEqual(["other", "tutelage.member", "tutelage.theme"]);
});

test("blocked, full or corrupt storage is no storage", async () => {
  vi.stubGlobal("localStorage", { getItem: () => "{oops", setItem: () => { throw new Error("full"); }, removeItem: () => { throw new Error("blocked"); } });
  const { persist, persisted } = await modules();
  expect(persisted("branches.c", {})).toEqual({});
  persist("message.c", "kept in memory");
  expect(persisted("message.c", "")).toBe("kept in memory");
});

test("a value of another kind is not taken", async () => {
  vi.stubGlobal("localStorage", storage({ "tutelage..message.new": "[1]" }));
  const { persisted } = await modules();
  expect(persisted("message.new", "")).toBe("");
});

test("a text that could not be sent comes back, before what was written since", async () => {
  vi.stubGlobal("localStorage", storage());
  const { giveBack, persist, persisted, moveDraft } = await modules();
  giveBack("message.new", "first");
  persist("message.c", "second");
  moveDraft("message.new", "message.c");
  expect(persisted("message.c", "")).toBe("first\n\nsecond");
  expect(persisted("message.new", "")).toBe("");
});
