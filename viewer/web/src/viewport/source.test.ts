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

const SERIES = Array.from({ length: 12 }, (_, at) => `1.1.${at + 1}`);
const pathOf = (uid: string) => `/dicomweb/studies/1/series/1.1/instances/${uid}`;
const headerOf = (uid: string) => ({
  "00080018": { vr: "UI", Value: [uid] },
  "00283010": {
    vr: "SQ",
    Value: [
      {
        "00283002": { vr: "US", Value: [3, 0, 16] },
        "00283006": { vr: "OW", BulkDataURI: `https://node.example${pathOf(uid)}/bulkdata/table` },
      },
    ],
  },
});
const imageOf = (uid: string) => imageIdOf({ ...FRAME, sopInstanceUid: uid });

/** A node that has a series, and lets each answer wait until it is let go. */
function slowNode(broken: string[] = []) {
  const waiting = new Map<string, () => void>(); // by path
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    return new Promise<Response>((resolve) => {
      waiting.set(path, () => {
        waiting.delete(path);
        const uid = SERIES.find((one) => path.startsWith(`${pathOf(one)}/`));
        if (path.endsWith("/metadata")) resolve(Response.json((uid === undefined ? SERIES : [uid]).map(headerOf)));
        else if (uid !== undefined && broken.includes(uid)) resolve(new Response("", { status: 500 }));
        else resolve(new Response(Uint16Array.of(0, 300, 4095).buffer));
      });
    });
  });
  const letGo = async (path: string) => {
    await vi.waitFor(() => {
      expect([...waiting.keys()]).toContain(path);
    });
    waiting.get(path)?.();
  };
  const letAllGo = async (until: Promise<unknown>) => {
    let isDone = false;
    void until.then(
      () => (isDone = true),
      () => (isDone = true),
    );
    await vi.waitFor(() => {
      for (const go of [...waiting.values()]) go();
      expect(isDone).toBe(true);
    });
  };
  return { asked, waiting, letGo, letAllGo };
}

describe("the tables of a series", () => {
  const tables = (asked: string[]) => asked.filter((path) => path.endsWith("/bulkdata/table"));
  const tableOf = (uid: string) => `${pathOf(uid)}/bulkdata/table`;
  const wholeSeries = "/dicomweb/studies/1/series/1.1/metadata";
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  it("are asked for some at a time, the one of the image that is looked at first", async () => {
    const { asked, letGo } = slowNode();
    const source = new ImageSource();
    const looking = source.factsOf(imageOf("1.1.7"));
    await letGo(wholeSeries);
    await vi.waitFor(() => {
      expect(tables(asked)).toEqual(["1.1.7", "1.1.1", "1.1.2", "1.1.3"].map(tableOf));
    });
    await letGo(`${pathOf("1.1.7")}/metadata`);
    await vi.waitFor(() => {
      expect(tables(asked)).toHaveLength(5); // beside its series, its own header was asked for, too
    });
    await letGo(tableOf("1.1.7"));
    expect((await looking).voiLut?.entries).toHaveLength(3); // nobody waits for the others
    expect(source.known(imageOf("1.1.1"))).toBeNull();
  });
  it("fail their own image only", async () => {
    const { letAllGo } = slowNode(["1.1.2"]);
    const source = new ImageSource();
    const series = source.openSeries(FRAME);
    await letAllGo(series);
    await series;
    expect(SERIES.filter((uid) => source.known(imageOf(uid)) === null)).toEqual(["1.1.2"]);
    const broken = source.factsOf(imageOf("1.1.2"));
    await letAllGo(broken);
    await expect(broken).rejects.toThrow();
  });
  it("are asked for no longer when the study is left", async () => {
    const { asked, letGo, waiting } = slowNode();
    const source = new ImageSource();
    const series = source.openSeries(FRAME);
    await letGo(wholeSeries);
    await vi.waitFor(() => {
      expect(tables(asked)).toHaveLength(4);
    });
    source.forget();
    for (const go of [...waiting.values()]) go();
    await series;
    expect(tables(asked)).toHaveLength(4);
    expect(SERIES.filter((uid) => source.known(imageOf(uid)) !== null)).toEqual([]);
  });
});
