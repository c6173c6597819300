import { expect, test } from "vitest";
import { readQuotas, writeQuotas } from "./settings";

test("quotas are written as they are read", () => {
  const text = '{"guest":{"requests":5,"tokens":0},"user":{"requests":0,"tokens":900}}';
  expect(writeQuotas(readQuotas(text))).toBe(text);
  expect(writeQuotas(readQuotas(""))).toBe("");
});

test("guests have the quota of users unless they have their own", () => {
  const read = readQuotas('{"user":{"requests":3}}');
  expect(read.guest).toEqual({ requests: 3, tokens: 0 });
  expect(writeQuotas({ ...read, guest: { requests: 0, tokens: 0 } })).toContain('"guest":{"requests":0,"tokens":0}');
});
