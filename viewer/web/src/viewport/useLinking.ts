/** Two panes that scroll together while they are linked. */

import { useEffect, useRef, useState } from "react";

import { source } from "./cornerstone";
import { follow, isLinked, type Link, linkOf, type LinkState, linkState } from "./linking";
import { imageIdOf, type FrameRef } from "./source";
import { useShown } from "./StackPane";
import type { StackView } from "./stackView";

interface Side {
  view: StackView | null;
  frames: readonly FrameRef[];
}

export interface Linking {
  state: LinkState | null; // null: nothing to link
  toggle: () => void;
}

/** Whether two panes scroll together; what somebody chose holds for the two series alone. */
export function useLinking(first: Side, second: Side, areBeside: boolean): Linking {
  const [choice, setChoice] = useState<{ pair: string; linked: boolean } | null>(null);
  const a = useShown(first.view)?.facts ?? null;
  const b = useShown(second.view)?.facts ?? null;
  const areStacks = first.frames.length > 1 && second.frames.length > 1;
  const pair = `${first.frames[0]?.seriesInstanceUid ?? ""} ${second.frames[0]?.seriesInstanceUid ?? ""}`;
  const chosen = choice?.pair === pair ? choice.linked : null;
  const state = areBeside && areStacks && a !== null && b !== null ? linkState(a, b, chosen) : null;
  useFollowing(first, second, isLinked(state));
  return {
    state,
    toggle: () => {
      if (state !== null) setChoice({ pair, linked: !isLinked(state) });
    },
  };
}

/** The pane that was scrolled leads; the other shows what lies there. */
function useFollowing(first: Side, second: Side, areLinked: boolean): void {
  const link = useRef<Link | null>(null);
  useEffect(() => {
    if (!areLinked || first.view === null || second.view === null) return;
    const [a, b] = [first.view, second.view];
    let leads: "first" | "second" | null = null; // whose change is being passed on
    const seen = { first: a.now().index, second: b.now().index };
    const pass = (from: "first" | "second") => () => {
      const [leader, other, others] = from === "first" ? [a, b, second.frames] : [b, a, first.frames];
      const { index, facts } = leader.now();
      if (index === seen[from] || facts === null) return;
      seen[from] = index;
      if (leads !== null && leads !== from) {
        leads = null; // it followed; that is no lead of its own
        return;
      }
      link.current ??= linkNow(a, b);
      if (link.current === null || facts.plane === null) return;
      const planes = others.map((frame) => source.known(imageIdOf(frame))?.plane ?? null);
      const at = follow(link.current, facts.plane, planes, from === "first" ? "second" : "first");
      if (at === null || at === other.now().wanted) return;
      leads = from;
      other.show(at);
    };
    link.current = linkNow(a, b);
    const ends = [a.subscribe(pass("first")), b.subscribe(pass("second"))];
    return () => {
      link.current = null;
      for (const end of ends) end();
    };
  }, [first.view, first.frames, second.view, second.frames, areLinked]);
}

function linkNow(a: StackView, b: StackView): Link | null {
  const [first, second] = [a.now().facts, b.now().facts];
  return first === null || second === null ? null : linkOf(first, second);
}
