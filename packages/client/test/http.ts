import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";

/** What a test server answers with. */
export type Answer = (
  request: IncomingMessage & { body: Buffer },
  response: ServerResponse,
) => void | Promise<void>;

/** Starts a real HTTP server for one test, and returns its origin. */
export async function serve(answer: Answer): Promise<string> {
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of request) pieces.push(piece);
    } catch {
      // The client went away; so may tests that abort.
      return;
    }
    await answer(Object.assign(request, { body: Buffer.concat(pieces) }), response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** Answers with JSON. */
export function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** Answers with an error of the API. */
export function refuse(response: ServerResponse, status: number, code: string, headers = {}): void {
  json(response, status, { error: { code, message: `because of ${code}` } }, headers);
}
