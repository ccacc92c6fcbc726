import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The node serves the page; `npm run dev` asks one that runs on its default port.
const node = "http://127.0.0.1:8008";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1000,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": node, "/health": node },
  },
});
