import { describe, expect, it } from "vitest";

import { type Said, Tab } from "./tabs";

/** Pages that hear one another at once. */
function pages(count: number) {
  const tabs: { tab: Tab; heard: Said[] }[] = [];
  for (let number = 0; number < count; number += 1) {
    const heard: Said[] = [];
    const tab = new Tab(
      `tab ${number}`,
      (message) => {
        for (const other of tabs) if (other.tab !== tab) other.tab.hear(message);
      },
      (said) => heard.push(said),
    );
    tabs.push({ tab, heard });
  }
  return tabs;
}

describe("pages of one person", () => {
  it("leave a claim to one that shows the study, and the last keeps it to itself", () => {
    const [one, other, third] = pages(3);
    if (!one || !other || !third) throw new Error("three were made");
    one.tab.show("1.2");
    other.tab.show("1.2");
    third.tab.show("1.3");
    expect(one.tab.leave("1.2", "noon")).toBe(true);
    expect(other.heard).toEqual([{ kind: "left_to", to: "tab 1", uid: "1.2", since: "noon" }]);
    expect(third.heard).toEqual([]);
    one.tab.show(null);
    expect(other.tab.leave("1.2", "noon")).toBe(false);
    expect(one.heard).toEqual([]);
  });

  it("learn what was open before them", () => {
    const [one, other] = pages(2);
    if (!one || !other) throw new Error("two were made");
    other.tab.show("1.2");
    const late = pages(1)[0]; // knows nobody
    expect(late?.tab.leave("1.2", "noon")).toBe(false);
    one.tab.say({ kind: "hello" });
    expect(one.tab.leave("1.2", "noon")).toBe(true);
  });

  it("hear what was kept elsewhere", () => {
    const [one, other] = pages(2);
    one?.tab.say({ kind: "kept", uid: "1.2" });
    expect(other?.heard).toEqual([{ kind: "kept", uid: "1.2" }]);
  });
});
