/** What can be done with the pictures, each with its key. */

import { Tooltip } from "@mantine/core";
import {
  IconAngle,
  IconArrowsMove,
  IconBoxMultiple,
  IconCircleDashed,
    IconColorPicker,
  IconColumns2,
  IconContrast,
  IconContrast2,
  IconCube,
  IconEraser,
  IconFlipHorizontal,
  IconFlipVertical,
  IconKeyboard,
  IconLasso,
  IconLink,
  IconMaximize,
  IconOvalVertical,
  IconPlayerPause,
  IconPlayerPlay,
  IconRestore,
  IconRotateClockwise,
  IconRuler2,
  IconZoomIn,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import { useTranslation } from "react-i18next";

import classes from "./Toolbar.module.css";
import type { Tool } from "./usePaneTools";

type Icon = ComponentType<{ size: number; stroke?: number }>;

const TOOLS: readonly { tool: Tool; Icon: Icon; key: string }[] = [
  { tool: "window", Icon: IconContrast, key: "W" },
  { tool: "scroll", Icon: IconBoxMultiple, key: "S" },
  { tool: "pan", Icon: IconArrowsMove, key: "P" },
  { tool: "zoom", Icon: IconZoomIn, key: "Z" },
  { tool: "length", Icon: IconRuler2, key: "L" },
  { tool: "angle", Icon: IconAngle, key: "A" },
  { tool: "ellipse", Icon: IconOvalVertical, key: "E" },
  { tool: "value", Icon: IconColorPicker, key: "U" },
];

const IN_PLANES: readonly Tool[] = ["window", "pan", "zoom"];

export interface ToolbarProps {
  tool: Tool;
  onTool: (tool: Tool) => void;
  can: { draw: boolean; mpr: boolean; measure: boolean; cine: boolean; link: boolean };
  state: { layout: "one" | "two" | "mpr"; inverted: boolean; cine: boolean; linked: boolean; wide: boolean };
  act: {
    rotate: () => void;
    flipHorizontal: () => void;
    flipVertical: () => void;
    invert: () => void;
    reset: () => void;
    erase: () => void;
    cine: () => void;
    two: () => void;
    mpr: () => void;
    link: () => void;
    wide: () => void;
    help: () => void;
  };
}

export function Toolbar({ tool, onTool, can, state, act }: ToolbarProps) {
  const { t } = useTranslation();
  const isStack = state.layout !== "mpr";
  const tools = isStack ? TOOLS : TOOLS.filter(({ tool: one }) => IN_PLANES.includes(one));
  return (
    <div className={classes.bar} role="toolbar" aria-label={t("viewer.tools")} aria-orientation="vertical">
      <div className={classes.group}>
        {tools.map(({ tool: one, Icon, key }) => (
          <Item key={one} words={t(`viewer.tool.${one}`)} shortcut={key} Icon={Icon} pressed={tool === one} onClick={() => { onTool(one); }} />
        ))}
        {isStack && can.measure && <Item words={t("viewer.erase")} shortcut={t("viewer.delete_key")} Icon={IconEraser} onClick={act.erase} />}
        {isStack && can.draw && (
          <>
            <Item words={t("viewer.tool.draw")} shortcut="D" Icon={IconLasso} pressed={tool === "draw"} onClick={() => { onTool("draw"); }} />
            <Item words={t("viewer.tool.draw_ellipse")} shortcut="⇧ D" Icon={IconCircleDashed} pressed={tool === "draw_ellipse"} onClick={() => { onTool("draw_ellipse"); }} />
          </>
        )}
      </div>
      {isStack && (
        <div className={classes.group}>
          <Item words={t("viewer.rotate")} shortcut="Q" Icon={IconRotateClockwise} onClick={act.rotate} />
          <Item words={t("viewer.flip_horizontal")} shortcut="H" Icon={IconFlipVertical} onClick={act.flipHorizontal} />
          <Item words={t("viewer.flip_vertical")} shortcut="V" Icon={IconFlipHorizontal} onClick={act.flipVertical} />
          <Item words={t("viewer.invert")} shortcut="I" Icon={IconContrast2} pressed={state.inverted} onClick={act.invert} />
        </div>
      )}
      <div className={classes.group}>
        <Item words={t("viewer.reset")} shortcut="X" Icon={IconRestore} onClick={act.reset} />
        {isStack && can.cine && (
          <Item words={t("viewer.cine")} shortcut={t("viewer.space_key")} Icon={state.cine ? IconPlayerPause : IconPlayerPlay} pressed={state.cine} onClick={act.cine} />
        )}
        <Item words={t("viewer.two")} shortcut="B" Icon={IconColumns2} pressed={state.layout === "two"} onClick={act.two} />
        {can.link && <Item words={t("viewer.link")} shortcut="K" Icon={IconLink} pressed={state.linked} onClick={act.link} />}
        {can.mpr && <Item words={t("viewer.mpr")} shortcut="T" Icon={IconCube} pressed={state.layout === "mpr"} onClick={act.mpr} />}
      </div>
      <div className={classes.group}>
        <Item words={t("viewer.wide")} shortcut="F" Icon={IconMaximize} pressed={state.wide} onClick={act.wide} />
        <Item words={t("viewer.keys")} shortcut="?" Icon={IconKeyboard} onClick={act.help} />
      </div>
    </div>
  );
}

interface ItemProps {
  words: string;
  shortcut: string;
  Icon: Icon;
  pressed?: boolean;
  onClick: () => void;
}

function Item({ words, shortcut, Icon, pressed, onClick }: ItemProps) {
  return (
    <Tooltip
      position="right"
      label={
        <>
          {words} <kbd className={classes.kbd}>{shortcut}</kbd>
        </>
      }
    >
      <button type="button" className={classes.item} aria-label={words} aria-pressed={pressed} onClick={onClick}>
        <Icon size={18} stroke={1.6} />
      </button>
    </Tooltip>
  );
}
