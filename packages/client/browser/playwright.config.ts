import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.ts",
  timeout: 120_000,
  // The machine is small, and the servers are real.
  workers: 1,
  reporter: "list",
  // Git and the checks of documents leave this folder out.
  outputDir: "../../../target/browser",
  ...(process.env.SPEED === undefined ? { grepInvert: /@speed/ } : { grep: /@speed/ }),
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--enable-precise-memory-info"],
    },
  },
});
