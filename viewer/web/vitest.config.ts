import { defineConfig } from "vitest/config";

// Apart from vite.config.ts: the page is also built where no tools of development are.
export default defineConfig({ test: { setupFiles: ["src/english.ts"] } });
