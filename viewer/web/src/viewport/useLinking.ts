/** Two panes that scroll together while they are linked. */

import { useEffect, useRef } from "react";

import { source } from "./cornerstone";
import { follow, type Link, linkOf } from "./linking";
import { imageIdOf, type FrameRef } from "./source";
import type { StackView } from "./stackView";

interface Side {
  view: StackView | null;
  frames: readonly FrameRef[];
}

/** The pane that was scrolled leads; the other shows what lies there. */
export function useLinking(first: Side, second: Side, isLinked: boolean): void {
  const link = useRef<Link | null>(null);
  useEffect(() => {
    if (!isLinked || first.view === null || second.view === null) return;
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
  }, [first.view, first.frames, second.view, second.frames, isLinked]);
}

function linkNow(a: StackView, b: StackView): Link | null {
  const [first, second] = [a.now().facts, b.now().facts];
  return first === null || second === null ? null : linkOf(first, second);
}
