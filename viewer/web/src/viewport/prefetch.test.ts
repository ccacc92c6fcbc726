import { describe, expect, it } from "vitest";

import { Prefetcher, prefetchOrder } from "./prefetch";

const limits = { bytes: 1000, ahead: 4, behind: 2 };

describe("frames fetched ahead", () => {
  it("are the near ones first, two where one scrolls to for one behind", () => {
    expect(prefetchOrder(10, 100, 1, 1, limits)).toEqual([11, 12, 9, 13, 14, 8]);
    expect(prefetchOrder(10, 100, -1, 1, limits)).toEqual([9, 8, 11, 7, 6, 12]);
  });
  it("end at the ends of the stack", () => {
    expect(prefetchOrder(0, 3, 1, 1, limits)).toEqual([1, 2]);
    expect(prefetchOrder(2, 3, 1, 1, limits)).toEqual([1, 0]);
    expect(prefetchOrder(0, 1, 1, 1, limits)).toEqual([]);
  });
  it("never take more room than is allowed, but always the neighbours", () => {
    expect(prefetchOrder(10, 100, 1, 300, limits)).toHaveLength(3);
    expect(prefetchOrder(10, 100, 1, 5000, limits)).toEqual([11, 12]);
  });
});

describe("the prefetcher", () => {
  it("follows the newest plan, and goes on after a frame that cannot be had", async () => {
    const asked: number[] = [];
    const waiting: (() => void)[] = [];
    const prefetcher = new Prefetcher((index) => {
      asked.push(index);
      return new Promise((resolve, reject) => {
        waiting.push(index === 1 ? () => { reject(new Error("not there")); } : () => { resolve(null); });
      });
    }, 1);
    const next = async () => {
      waiting.shift()?.();
      await new Promise((resolve) => setTimeout(resolve, 0));
    };
    prefetcher.follow([1, 2, 3]);
    await next();
    expect(asked).toEqual([1, 2]);
    prefetcher.follow([7, 8]);
    await next();
    expect(asked).toEqual([1, 2, 7]);
    prefetcher.stop();
    await next();
    expect(asked).toEqual([1, 2, 7]);
  });
});
