/** Pictures only: the page around them is put away, and the browser's frame with it. */

import { useEffect, useState } from "react";

export function useWide(): { wide: boolean; toggle: () => void } {
  const [wide, setWide] = useState(false);
  useEffect(() => {
    // The browser's own way out (its Escape) ends it too.
    const onChange = () => {
      if (document.fullscreenElement === null) setWide(false);
    };
    document.addEventListener("fullscreenchange", onChange);
    return () => {
      document.removeEventListener("fullscreenchange", onChange);
      if (document.fullscreenElement !== null) void document.exitFullscreen();
    };
  }, []);
  return {
    wide,
    toggle: () => {
      setWide(!wide);
      const changing = wide
        ? document.fullscreenElement === null
          ? Promise.resolve()
          : document.exitFullscreen()
        : document.documentElement.requestFullscreen();
      changing.catch(() => undefined); // a browser that refuses still shows the pictures alone
    },
  };
}
