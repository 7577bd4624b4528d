import { compileMessage } from "@lingui/message-utils/compileMessage";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Compiles the ICU messages of `catalogue.json?messages`, so that the page carries no parser. */
function messages(): Plugin {
  return {
    name: "tidegate-messages",
    enforce: "pre",
    async load(id) {
      const [file, query] = id.split("?");
      if (query !== "messages" || !file) return null;
      const { readFile } = await import("node:fs/promises");
      const source: Record<string, string> = JSON.parse(await readFile(file, "utf8"));
      const compiled = Object.entries(source).map(([key, text]) => [key, compileMessage(text)]);
      this.addWatchFile(file);
      return {
        code: `export default ${JSON.stringify(Object.fromEntries(compiled))};`,
        moduleType: "js",
      };
    },
  };
}

export default defineConfig({
  plugins: [messages(), react()],
  resolve: { conditions: ["tidegate-source", "module", "browser", "development|production"] },
  // The worker of Parquet files loads decompressors when a file needs them.
  worker: { format: "es" },
  build: {
    target: "es2023",
    manifest: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    cssCodeSplit: true,
  },
});
