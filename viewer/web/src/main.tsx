import "@fontsource-variable/ibm-plex-sans/wght.css";
import "@mantine/core/styles.css";
import "./app.css";

import { MantineProvider } from "@mantine/core";
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Problem } from "./api";
import { App } from "./App";
import { watchAttention } from "./attention";
import { startLanguage, whenLanguageChanges } from "./language";
import { doubtSession } from "./session";
import { theme } from "./theme";

startLanguage();
watchAttention();
const queries = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      if (error instanceof Problem && error.status === 401) doubtSession(queries);
    },
  }),
  defaultOptions: {
    queries: {
      networkMode: "always", // the node is in the house, whatever the browser thinks of the internet
      staleTime: 2000,
      retry: (failures, error) =>
        failures < 2 && !(error instanceof Problem && error.status < 500),
    },
  },
});
// The node's sentences came in the other language.
whenLanguageChanges(() => void queries.invalidateQueries());
const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content ?? "";
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no element #root");

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <MantineProvider theme={theme} defaultColorScheme="dark" getStyleNonce={() => nonce}>
        <App />
      </MantineProvider>
    </QueryClientProvider>
  </StrictMode>,
);
