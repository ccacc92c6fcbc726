import { useRef, useState, type PointerEvent } from "react";

const LARGEST = 12;

/** The largest box of an image's shape inside another, in px. */
export function fit(columns: number, rows: number, width: number, height: number) {
  const scale = Math.min(width / columns, height / rows);
  return { width: columns * scale, height: rows * scale };
}

/** Enlarging and moving one picture; `reset` shows it whole again. */
export function useZoom() {
  const [view, setView] = useState({ scale: 1, x: 0, y: 0 });
  const grip = useRef<{ x: number; y: number } | null>(null);

  const by = (factor: number) => {
    setView((before) => {
      const scale = Math.max(1, Math.min(LARGEST, before.scale * factor));
      const kept = scale === 1 ? 0 : scale / before.scale;
      return { scale, x: before.x * kept, y: before.y * kept };
    });
  };
  const reset = () => {
    setView({ scale: 1, x: 0, y: 0 });
  };
  const drag = {
    onPointerDown: (event: PointerEvent) => {
      if (view.scale === 1 || event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      grip.current = { x: event.clientX - view.x, y: event.clientY - view.y };
    },
    onPointerMove: (event: PointerEvent) => {
      const start = grip.current;
      if (start === null) return;
      setView((before) => ({
        ...before,
        x: event.clientX - start.x,
        y: event.clientY - start.y,
      }));
    },
    onPointerUp: () => {
      grip.current = null;
    },
  };
  return { ...view, by, reset, drag };
}
