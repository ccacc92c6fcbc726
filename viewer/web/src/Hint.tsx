import { Tooltip } from "@mantine/core";
import { type PointerEvent, type ReactNode, useEffect, useRef, useState } from "react";

import classes from "./Hint.module.css";

const REST_MS = 150;

/**
 * A tooltip that costs nothing until a pointer rests on it: a list draws hundreds of them, and
 * draws them anew as it scrolls.
 */
export function Hint({ label, children }: { label: ReactNode; children: ReactNode }) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => {
    window.clearTimeout(timer.current);
  }, []);
  const rest = ({ currentTarget }: PointerEvent) => {
    const target = currentTarget.firstElementChild;
    if (!(target instanceof HTMLElement)) return;
    timer.current = window.setTimeout(setAnchor, REST_MS, target);
  };
  const leave = () => {
    window.clearTimeout(timer.current);
    setAnchor(null);
  };
  return (
    <span className={classes.around} onPointerEnter={rest} onPointerLeave={leave}>
      {children}
      {anchor !== null && <Tooltip opened target={anchor} label={label} />}
    </span>
  );
}
