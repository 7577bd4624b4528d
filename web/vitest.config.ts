import { fileURLToPath } from "node:url";
import { mergeConfig } from "vite";
import { defineConfig } from "vitest/config";
import base from "./vite.config.ts";

const client = fileURLToPath(new URL("../packages/client/src/index.ts", import.meta.url));

export default mergeConfig(
  base,
  defineConfig({
    // The sources, as in the page, so that tests need no build.
    resolve: { alias: { "@tidegate/client": client } },
    test: { include: ["src/**/*.test.ts", "scripts/**/*.test.ts"], environment: "node" },
  }),
);
