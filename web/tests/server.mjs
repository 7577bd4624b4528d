/** A real Tidegate in a folder of its own with the built dashboard before it, for tests. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "../serve.mjs";

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/**
 * Starts the binary of `TIDEGATE` and the dashboard. `close` stops both and removes the folder.
 * `settings` are further environment variables of the server.
 */
export async function startServer(settings = {}) {
  const binary = process.env.TIDEGATE;
  if (!binary) throw new Error("set TIDEGATE to the path of the tidegate binary");
  const folder = await mkdtemp(join(tmpdir(), "tidegate-web-"));
  const [api, edge, s3, web] = await Promise.all([1, 2, 3, 4].map(freePort));
  const origins = {
    api: `http://127.0.0.1:${api}`,
    edge: `http://127.0.0.1:${edge}`,
    store: `http://127.0.0.1:${s3}`,
  };
  const child = spawn(binary, ["serve"], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      PORT: String(api),
      EDGE_PORT: String(edge),
      S3_PORT: String(s3),
      TIDEGATE_DATA: join(folder, "data"),
      CORS_ALLOW_ORIGIN: `http://127.0.0.1:${web}`,
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (log += text));
  const deadline = Date.now() + 30_000;
  while (!(await answers(`${origins.api}/readyz`))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`the server did not start:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const dashboard = await serve({ ...origins, issuer: settings.OIDC_ISSUER, port: web });
  return {
    ...origins,
    url: dashboard.url,
    log: () => log,
    async close() {
      dashboard.server.closeAllConnections();
      dashboard.server.close();
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
      await rm(folder, { recursive: true });
    },
  };
}
