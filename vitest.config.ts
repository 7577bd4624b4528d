import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "@tidegate/client": source("packages/client/src/index.ts"),
      "@tidegate/react": source("packages/react/src/index.ts"),
      "@tidegate/uppy": source("packages/uppy/src/index.ts"),
    },
  },
  test: {
    include: ["packages/*/test/**/*.test.{ts,tsx}"],
    testTimeout: 20_000,
  },
});
