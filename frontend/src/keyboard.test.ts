import { expect, test } from "vitest";
import { isSend } from "./keyboard";

const enter = { key: "Enter", shiftKey: false, ctrlKey: false, metaKey: false, isComposing: false, keyCode: 13 };

test("Enter sends and Shift+Enter breaks the line", () => {
  expect(isSend(enter, false)).toBe(true);
  expect(isSend({ ...enter, shiftKey: true }, false)).toBe(false);
  expect(isSend({ ...enter, key: "a", keyCode: 65 }, false)).toBe(false);
});

test("the Enter that confirms a word of an input method does not send, in Safari's order either", () => {
  expect(isSend({ ...enter, isComposing: true, keyCode: 229 }, false)).toBe(false);
  expect(isSend({ ...enter, keyCode: 229 }, false)).toBe(false);
});

test("on a touch screen Enter breaks the line; Ctrl or Cmd sends everywhere", () => {
  expect(isSend(enter, true)).toBe(false);
  expect(isSend({ ...enter, ctrlKey: true }, true)).toBe(true);
  expect(isSend({ ...enter, metaKey: true }, false)).toBe(true);
});
