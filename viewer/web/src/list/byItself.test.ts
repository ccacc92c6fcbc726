import { beforeEach, describe, expect, it } from "vitest";

import {
  adopt,
  began,
  beingGivenBack,
  claimedByHand,
  ended,
  forgetAll,
  found,
  givenBackByHand,
  granted,
  keep,
  left,
  lost,
  noteGivingBack,
  saidElsewhere,
  shownAgain,
  unkept,
} from "./byItself";

const NOON = "2026-03-02T12:00:00Z";
const LATER = "2026-03-02T12:01:00Z";

/** Opened and given by the node. */
function hold(uid: string, since = NOON): void {
  began(uid);
  granted(uid, since);
}

describe("a claim that opening a study made", () => {
  beforeEach(forgetAll);

  it("is given back when the study is left, and no other claim of it", () => {
    began("1.2");
    expect(granted("1.2", NOON)).toBe(false);
    expect(unkept()).toEqual([["1.2", NOON]]);
    expect(left("1.2")).toBe(NOON);
    expect(left("1.2")).toBeNull();
    expect(unkept()).toEqual([]);
  });

  it("stays after an act", () => {
    hold("1.2");
    keep("1.2");
    expect(left("1.2")).toBeNull();
    expect(unkept()).toEqual([]);
  });

  it("is given back when the node's answer comes after the study was left", () => {
    began("1.2");
    expect(left("1.2")).toBeNull();
    expect(granted("1.2", NOON)).toBe(true);
    expect(unkept()).toEqual([]);
  });

  it("stays when the study is shown again before the node's answer", () => {
    began("1.2");
    left("1.2");
    shownAgain("1.2"); // back, then forward
    expect(granted("1.2", NOON)).toBe(false);
    expect(left("1.2")).toBe(NOON);
  });

  it("stays when the act came before the node's answer", () => {
    began("1.2");
    keep("1.2");
    expect(granted("1.2", NOON)).toBe(false);
    expect(left("1.2")).toBeNull();
  });

  it("is told from that of another study, and from one made by hand", () => {
    hold("1.2");
    began("1.3"); // the next study
    expect(left("1.2")).toBe(NOON);
    granted("1.3", LATER);
    expect(left("1.4")).toBeNull();
    expect(unkept()).toEqual([["1.3", LATER]]);
  });

  it("is none where the reader has claimed the study just before", () => {
    claimedByHand("1.2");
    hold("1.2"); // its row did not show that yet
    expect(left("1.2")).toBeNull();
    givenBackByHand("1.2");
    hold("1.2");
    expect(left("1.2")).toBe(NOON);
  });

  it.each([["it ended", ended], ["it was given back elsewhere", elsewhere("given_back")]] as const)(
    "is one again when that by hand is over: %s",
    (_, over) => {
      claimedByHand("1.2");
      over("1.2");
      hold("1.2");
      expect(left("1.2")).toBe(NOON);
    },
  );

  it("is not the next person's", () => {
    claimedByHand("1.2");
    hold("1.3");
    forgetAll();
    expect(unkept()).toEqual([]);
    hold("1.2");
    expect(left("1.2")).toBe(NOON);
  });

  it("is found again where the node's answer was lost", () => {
    began("1.2");
    expect(found("1.2", NOON)).toBe(false); // it may answer still
    lost("1.2");
    expect(found("1.2", NOON)).toBe(false);
    expect(left("1.2")).toBe(NOON);
    began("1.2");
    lost("1.2");
    left("1.2");
    expect(found("1.2", LATER)).toBe(true);
  });
});

describe("another page of the same person", () => {
  beforeEach(forgetAll);

  it.each(["kept", "by_hand", "given_back"] as const)("leaves nothing to give back: %s", (kind) => {
    hold("1.2");
    elsewhere(kind)("1.2");
    expect(left("1.2")).toBeNull();
  });

  it("leaves its claim to this one, which gives it back at last", () => {
    adopt("1.2", NOON);
    expect(left("1.2")).toBe(NOON);
    claimedByHand("1.2");
    adopt("1.2", NOON);
    expect(left("1.2")).toBeNull();
  });
});

describe("a study that is being given back", () => {
  it("is so until the node has answered the last time that it was asked", async () => {
    let answer: () => void = () => undefined;
    const first = new Promise<void>((resolve) => {
      answer = resolve;
    });
    expect(beingGivenBack("1.2")).toBeUndefined();
    noteGivingBack("1.2", first);
    const waits = beingGivenBack("1.2");
    noteGivingBack("1.3", Promise.resolve());
    await beingGivenBack("1.3");
    expect(beingGivenBack("1.3")).toBeUndefined();
    expect(beingGivenBack("1.2")).toBe(waits);
    answer();
    await waits;
    expect(beingGivenBack("1.2")).toBeUndefined();
  });
});

function elsewhere(kind: "kept" | "by_hand" | "given_back"): (uid: string) => void {
  return (uid) => {
    saidElsewhere({ kind, uid });
  };
}
