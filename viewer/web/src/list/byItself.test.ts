import { beforeEach, describe, expect, it } from "vitest";

import {
  began,
  claimedByHand,
  forgetAll,
  givenBackByHand,
  granted,
  keep,
  left,
  unkept,
} from "./byItself";

describe("a claim that opening a study made", () => {
  beforeEach(forgetAll);

  it("is given back when the study is left", () => {
    began("1.2");
    expect(granted("1.2")).toBe(false);
    expect(unkept()).toEqual(["1.2"]);
    expect(left("1.2")).toBe(true);
    expect(left("1.2")).toBe(false);
    expect(unkept()).toEqual([]);
  });

  it("stays after an act", () => {
    began("1.2");
    granted("1.2");
    keep("1.2");
    expect(left("1.2")).toBe(false);
    expect(unkept()).toEqual([]);
  });

  it("is given back when the node's answer comes after the study was left", () => {
    began("1.2");
    expect(left("1.2")).toBe(false);
    expect(granted("1.2")).toBe(true);
    expect(unkept()).toEqual([]);
  });

  it("stays when the act came before the node's answer", () => {
    began("1.2");
    keep("1.2");
    expect(granted("1.2")).toBe(false);
    expect(left("1.2")).toBe(false);
  });

  it("is told from that of another study, and from one made by hand", () => {
    began("1.2");
    granted("1.2");
    began("1.3"); // the next study
    expect(left("1.2")).toBe(true);
    granted("1.3");
    expect(left("1.4")).toBe(false);
    expect(unkept()).toEqual(["1.3"]);
  });

  it("is none where the reader has claimed the study just before", () => {
    claimedByHand("1.2");
    began("1.2"); // its row did not show that yet
    expect(granted("1.2")).toBe(false);
    expect(left("1.2")).toBe(false);
    givenBackByHand("1.2");
    began("1.2");
    granted("1.2");
    expect(left("1.2")).toBe(true);
  });
});
