import { createTheme } from "@mantine/core";

const sans = '"IBM Plex Sans Variable", "Segoe UI", system-ui, sans-serif';

export const theme = createTheme({
  fontFamily: sans,
  headings: { fontFamily: sans, fontWeight: "600" },
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.25rem" },
  primaryColor: "cyan",
  primaryShade: { light: 8, dark: 4 },
  defaultRadius: "sm",
  cursorType: "pointer",
  components: {
    Tooltip: { defaultProps: { multiline: true, maw: 360, openDelay: 150, withinPortal: true } },
  },
});
