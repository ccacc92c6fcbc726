/** The keys of the pictures. */

import { useTranslation } from "react-i18next";

import type { KeyAct } from "./keys";
import type { Tool } from "./usePaneTools";
import { CT_PRESETS } from "./windows";

export interface ViewerActs {
  step: (by: number) => void;
  end: (which: "first" | "last") => void;
  tool: (tool: Tool) => void;
  preset: (at: number | null) => void; // null: as sent
  zoom: (factor: number) => void;
  rotate: () => void;
  flipHorizontal: () => void;
  flipVertical: () => void;
  invert: () => void;
  reset: () => void;
  erase: () => void;
  cine: () => void;
  two: () => void;
  link: () => void;
  mpr: () => void;
  wide: () => void;
  help: () => void;
  marks: () => void;
  stop: (by: 1 | -1) => void;
  pane: () => void; // the other one has the keys
  drop: () => void;
}

/** The table of them, in the order of the help. */
export function useViewerKeys(act: ViewerActs, can: { draw: boolean; isCt: boolean }): KeyAct[] {
  const { t } = useTranslation();
  const slices = t("viewer.group.slices");
  const marks = t("viewer.group.marks");
  const tools = t("viewer.group.tools");
  const picture = t("viewer.group.picture");
  const layout = t("viewer.group.layout");
  const key = (group: string, keys: string | readonly string[], shown: string, words: string, run: () => void): KeyAct => ({
    group, keys: typeof keys === "string" ? [keys] : keys, shown, words, run,
  });
  const held = (one: KeyAct): KeyAct => ({ ...one, repeats: true });
  const tool = (letter: string, one: Tool): KeyAct =>
    key(tools, letter, letter.toUpperCase(), t(`viewer.tool.${one}`), () => { act.tool(one); });
  return [
    held(key(slices, "ArrowDown", "↓", t("viewer.next_slice"), () => { act.step(1); })),
    held(key(slices, "ArrowUp", "↑", t("viewer.previous_slice"), () => { act.step(-1); })),
    held(key(slices, "PageDown", t("viewer.page_down_key"), t("viewer.ten_on"), () => { act.step(10); })),
    held(key(slices, "PageUp", t("viewer.page_up_key"), t("viewer.ten_back"), () => { act.step(-10); })),
    key(slices, "Home", t("viewer.home_key"), t("viewer.first_slice"), () => { act.end("first"); }),
    key(slices, "End", t("viewer.end_key"), t("viewer.last_slice"), () => { act.end("last"); }),
    key(slices, "space", t("viewer.space_key"), t("viewer.cine"), act.cine),
    key(marks, "m", "M", t("viewer.toggle_marks"), act.marks),
    key(marks, "n", "N", t("viewer.next_mark"), () => { act.stop(1); }),
    key(marks, "shift+n", "⇧ N", t("viewer.previous_mark"), () => { act.stop(-1); }),
    ...(can.draw
      ? [
          { ...tool("d", "draw"), group: marks },
          key(marks, "shift+d", "⇧ D", t("viewer.tool.draw_ellipse"), () => { act.tool("draw_ellipse"); }),
        ]
      : []),
    tool("w", "window"), tool("s", "scroll"), tool("p", "pan"), tool("z", "zoom"),
    tool("l", "length"), tool("a", "angle"), tool("e", "ellipse"), tool("u", "value"),
    key(tools, ["Delete", "Backspace"], t("viewer.delete_key"), t("viewer.erase"), act.erase),
    key(tools, "Escape", t("viewer.escape_key"), t("viewer.put_down"), act.drop),
    ...(can.isCt
      ? [
          ...CT_PRESETS.map((one, at) => key(picture, `digit${at + 1}`, `${at + 1}`, t(`viewer.preset.${one.name}`), () => { act.preset(at); })),
          key(picture, "digit0", "0", t("viewer.as_sent"), () => { act.preset(null); }),
        ]
      : []),
    key(picture, ["+", "="], "+", t("viewer.enlarge"), () => { act.zoom(1.25); }),
    key(picture, "-", "−", t("viewer.reduce"), () => { act.zoom(0.8); }),
    key(picture, "q", "Q", t("viewer.rotate"), act.rotate),
    key(picture, "h", "H", t("viewer.flip_horizontal"), act.flipHorizontal),
    key(picture, "v", "V", t("viewer.flip_vertical"), act.flipVertical),
    key(picture, "i", "I", t("viewer.invert"), act.invert),
    key(picture, "x", "X", t("viewer.reset"), act.reset),
    key(layout, "b", "B", t("viewer.two"), act.two),
    key(layout, "o", "O", t("viewer.other_pane"), act.pane),
    key(layout, "k", "K", t("viewer.link"), act.link),
    key(layout, "t", "T", t("viewer.mpr"), act.mpr),
    key(layout, "f", "F", t("viewer.wide"), act.wide),
    key(layout, "?", "?", t("viewer.keys"), act.help),
  ];
}
