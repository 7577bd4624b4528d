import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const source = fileURLToPath(new URL("./page", import.meta.url));
const client = fileURLToPath(new URL("../src/index.ts", import.meta.url));

/** Builds the page into a folder. */
export async function buildPage(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: source,
    logLevel: "warn",
    resolve: { alias: { "@tidegate/client": client } },
    worker: { format: "es" },
    build: { outDir: folder, emptyOutDir: true, assetsInlineLimit: 0 },
  });
}

// What a careful site sends. Scripts, workers and nothing else are its own.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src http:",
  "img-src http:",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types default",
].join("; ");

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };

/** Serves the built page on a free port of the loopback address. */
export async function servePage(folder: string): Promise<{ port: number; server: Server }> {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    const file = path === "/" ? "/index.html" : path;
    try {
      const body = await readFile(join(folder, file));
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
      response.setHeader("Content-Security-Policy", POLICY);
      response.end(body);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as { port: number }).port, server };
}
