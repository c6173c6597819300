import { describe, expect, it } from "vitest";
import { advice } from "./advice";

function learned(before: number, after: number | null, flagged = 0.02) {
  return {
    agreement: { labels: 16, before, after },
    written: { texts: 400, before: { any: 0.9, everyday: 0.02 }, after: { any: 0.9, everyday: flagged } },
  };
}

describe("what the figures of learned heads come to", () => {
  it("advises against more false alarms, whatever is gained", () => {
    expect(advice(learned(0.5, 0.9, 0.03))).toContain("more everyday texts");
  });

  it("tells better, no better and worse apart", () => {
    expect(advice(learned(0.5, 0.6))).toContain("does better");
    expect(advice(learned(0.5, 0.5))).toContain("no better than");
    expect(advice(learned(0.5, 0.4))).toContain("does worse");
  });

  it("says nothing of decisions on a single conversation", () => {
    expect(advice(learned(0.5, null))).toContain("one conversation");
  });
});
