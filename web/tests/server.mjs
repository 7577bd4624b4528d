/** A real Tidegate in a folder of its own, with the dashboard that it carries, for tests. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_TIMEOUT = 30_000;

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

/** Starts the process, and resolves when it is ready. `log` gets what it prints. */
async function startProcess(binary, folder, environment, log) {
  const child = spawn(binary, ["serve"], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => log.push(text));
  const deadline = Date.now() + START_TIMEOUT;
  while (!(await answers(`http://127.0.0.1:${environment.PORT}/readyz`))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`the server did not start:\n${log.join("")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return child;
}

async function stopProcess(child) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/**
 * Starts the binary of `TIDEGATE`. `close` stops it and removes the folder. `whileStopped` stops it, calls
 * a function with the path of its data, and starts it again at the same addresses. `settings` are
 * further environment variables of the server.
 */
export async function startServer(settings = {}) {
  const binary = process.env.TIDEGATE;
  if (!binary) throw new Error("set TIDEGATE to the path of the tidegate binary");
  const folder = await mkdtemp(join(tmpdir(), "tidegate-web-"));
  const [api, edge, s3] = await Promise.all([1, 2, 3].map(freePort));
  const data = join(folder, "data");
  const environment = {
    PORT: String(api),
    EDGE_PORT: String(edge),
    S3_PORT: String(s3),
    TIDEGATE_DATA: data,
    ...settings,
  };
  const log = [];
  let child = await startProcess(binary, folder, environment, log);
  return {
    api: `http://127.0.0.1:${api}`,
    edge: `http://127.0.0.1:${edge}`,
    store: `http://127.0.0.1:${s3}`,
    url: `http://127.0.0.1:${api}`,
    log: () => log.join(""),
    async whileStopped(act) {
      await stopProcess(child);
      await act(data);
      child = await startProcess(binary, folder, environment, log);
    },
    async close() {
      await stopProcess(child);
      await rm(folder, { recursive: true });
    },
  };
}
