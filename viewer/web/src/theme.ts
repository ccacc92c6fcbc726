import { createTheme } from "@mantine/core";

const sans = '"IBM Plex Sans Variable", "Segoe UI", system-ui, sans-serif';

export const theme = createTheme({
  fontFamily: sans,
  headings: { fontFamily: sans, fontWeight: "600" },
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
  colors: {
    // From text to ground, in the tint of app.css: dialogs and menus are of the same house.
    dark: [
      "#e4eaed",
      "#b9c4ca",
      "#9aa8b0",
      "#7f8e97",
      "#323d44",
      "#252e34",
      "#1a2126",
      "#141a1e",
      "#0f1417",
      "#0b0e10",
    ],
  },
  primaryColor: "cyan",
  primaryShade: { light: 9, dark: 4 },
  autoContrast: true, // dark words on light buttons
  defaultRadius: "sm",
  cursorType: "pointer",
  components: {
    // Said, so that app.css finds them.
    Button: { defaultProps: { variant: "filled" } },
    // A menu holds its items and nothing else (ARIA); the first has the focus.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    // The page itself never scrolls, and the lock's own style sheet has no nonce.
    Modal: { defaultProps: { lockScroll: false } },
    Tooltip: { defaultProps: { multiline: true, maw: 360, openDelay: 150, withinPortal: true } },
  },
});
