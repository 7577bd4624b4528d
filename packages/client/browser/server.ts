import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PROGRAM = resolve(process.env.TIDEGATE ?? "target/debug/tidegate");

/** A Tidegate server of its own data folder, on free ports. */
export class TestServer {
  readonly api: string;
  readonly edge: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #data: string;
  #process: ChildProcess | undefined;
  #log = "";

  /** Starts a server that lets pages of these origins in. `host` is how clients call it. */
  static async start(
    origins: string[],
    settings: Record<string, string> = {},
    host = "localhost",
  ): Promise<TestServer> {
    const data = await mkdtemp(join(tmpdir(), "tidegate-browser-"));
    const server = new TestServer(data, await freePorts(3), origins, settings, host);
    await server.run();
    return server;
  }

  private constructor(
    data: string,
    ports: number[],
    origins: string[],
    settings: Record<string, string>,
    host: string,
  ) {
    const [api, edge, s3] = ports.map((port) => `http://${host}:${port}`);
    this.api = api ?? "";
    this.edge = edge ?? "";
    this.#data = data;
    this.#environment = {
      PATH: process.env.PATH,
      TIDEGATE_DATA: data,
      PORT: String(ports[0]),
      EDGE_PORT: String(ports[1]),
      S3_PORT: String(ports[2]),
      PUBLIC_BASE_URL: api,
      EDGE_URL: edge,
      S3_URL: s3,
      CORS_ALLOW_ORIGIN: origins.join(","),
      ...settings,
    };
  }

  /** Starts the process and waits until all doors are open. */
  async run(): Promise<void> {
    const child = spawn(PROGRAM, ["serve"], {
      env: this.#environment,
      cwd: this.#data,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text: Buffer) => {
        this.#log += text.toString();
      });
    }
    child.on("error", (error) => {
      this.#log += String(error);
    });
    for (let attempt = 0; attempt < 300; attempt++) {
      if (child.exitCode !== null) break;
      const ready = await fetch(`${this.api}/readyz`).catch(() => undefined);
      if (ready?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the server does not start:\n${this.#log}`);
  }

  /** Ends the process as a power cut would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Ends the process and removes its data. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(this.#data, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}

/** Returns ports that nobody listens on now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
