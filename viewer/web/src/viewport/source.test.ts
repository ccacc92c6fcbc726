import { afterEach, describe, expect, it, vi } from "vitest";

import { imageIdOf, ImageSource } from "./source";

const FRAME = { studyInstanceUid: "1", seriesInstanceUid: "1.1", sopInstanceUid: "1.1.1", frameNumber: 1 };
const ELSEWHERE = "https://node.example/dicomweb/studies/1/series/1.1/instances/1.1.1/bulkdata/00283010/1/00283006";
const HEADER = {
  "00080018": { vr: "UI", Value: ["1.1.1"] },
  "00283010": {
    vr: "SQ",
    Value: [{ "00283002": { vr: "US", Value: [3, 0, 16] }, "00283006": { vr: "OW", BulkDataURI: ELSEWHERE } }],
  },
};

/** A node that has one image, and answers these for its table. */
function node(table: () => Response): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    return Promise.resolve(path.endsWith("/metadata") ? Response.json([HEADER]) : table());
  });
  return asked;
}

describe("a table that is sent apart from its header", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  it("is asked for, from this node, before anything is drawn", async () => {
    const asked = node(() => new Response(Uint16Array.of(0, 300, 4095).buffer));
    const facts = await new ImageSource().factsOf(imageIdOf(FRAME));
    expect([...(facts.voiLut?.entries ?? [])]).toEqual([0, 300, 4095]);
    expect(asked).toContain(new URL(ELSEWHERE).pathname);
  });
  it("that cannot be had is an error, not another picture", async () => {
    node(() => new Response("", { status: 500 }));
    await expect(new ImageSource().factsOf(imageIdOf(FRAME))).rejects.toThrow();
  });
});
