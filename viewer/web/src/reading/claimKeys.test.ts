import { describe, expect, it, vi } from "vitest";

import type { Row } from "../api";
import { t } from "../language";
import type { Claims } from "../list/claims";
import { claimKeys } from "./claimKeys";

const claim = (mine: boolean) => ({ name: "x", display_name: "Dr X", since: "2026-01-01T00:00:00Z", mine });
const row = (more: Partial<Row>): Row => ({ reading_state: "unread", claim: null, ...more }) as unknown as Row;
const claims = (canClaim = true) =>
  ({ canClaim, claim: vi.fn(), release: vi.fn(), open: vi.fn(), openByUid: vi.fn() }) satisfies Claims;

function press(key: string, shown: Row, by = claims()) {
  claimKeys(t, shown, by).find(({ keys }) => keys.includes(key))?.run();
  return by;
}

describe("the keys of a claim", () => {
  it("are c and r, as in the list, and are in the help", () => {
    expect(claimKeys(t, row({}), claims()).map(({ shown, words }) => [shown, words])).toEqual([
      ["C", "Read this study"],
      ["R", "Release"],
    ]);
  });
  it("claim a free study, and ask for another's", () => {
    const anothers = row({ claim: claim(false) });
    expect(press("c", row({})).claim).toHaveBeenCalledWith(row({}));
    expect(press("c", anothers).claim).toHaveBeenCalledWith(anothers);
  });
  it("let go of one's own study alone", () => {
    const own = row({ claim: claim(true) });
    expect(press("r", own).release).toHaveBeenCalledWith(own);
    expect(press("r", row({ claim: claim(false) })).release).not.toHaveBeenCalled();
    expect(press("r", row({})).release).not.toHaveBeenCalled();
  });
  it("are not there once the study is read, nor for who reads nothing", () => {
    expect(claimKeys(t, row({ reading_state: "read" }), claims())).toEqual([]);
    expect(claimKeys(t, row({}), claims(false))).toEqual([]);
  });
});
