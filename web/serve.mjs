/**
 * Serves `dist/` with the headers of its manifest, and passes everything else on to a running Tidegate.
 * For trying a build out; in production the binary serves the same files by itself.
 *
 *   API=http://127.0.0.1:3000 EDGE=http://127.0.0.1:3001 STORE=http://127.0.0.1:9000 PORT=5173 node serve.mjs
 */
import { readFile } from "node:fs/promises";
import { createServer, request as sendRequest } from "node:http";
import { join } from "node:path";
import { fillOrigins } from "./scripts/csp.mjs";

const DIST = join(import.meta.dirname, "dist");

/** Whether a path is the address of a page, such as `/spaces/*`, where `*` is one segment. */
export function isPage(path, pages) {
  const segments = path.split("/");
  return pages.some((page) => {
    const wanted = page.split("/");
    const fits = (one, at) => one === segments[at] || (one === "*" && Boolean(segments[at]));
    return wanted.length === segments.length && wanted.every(fits);
  });
}

function encodingFor(accepted, encodings) {
  const offered = (accepted ?? "").split(",").map((part) => part.split(";")[0].trim());
  return ["br", "gzip"].find((name) => offered.includes(name) && encodings[name] !== undefined);
}

async function sendFile(request, response, file, headers) {
  const encoding = encodingFor(request.headers["accept-encoding"], file.encodings);
  const ending = { br: ".br", gzip: ".gz" }[encoding] ?? "";
  const bytes = await readFile(join(DIST, `${file.path}${ending}`));
  if (encoding) headers["Content-Encoding"] = encoding;
  const described = { "Content-Type": file.contentType, Vary: "Accept-Encoding", ...headers };
  response.writeHead(200, { ...described, "Content-Length": bytes.length });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function passOn(request, response, api) {
  const target = new URL(request.url, api);
  const passed = sendRequest(
    target,
    { method: request.method, headers: { ...request.headers, host: target.host } },
    (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
      response.on("close", () => answer.destroy());
    },
  );
  passed.on("error", (error) => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { "Content-Type": "text/plain" }).end(error.message);
  });
  response.on("close", () => passed.destroy());
  request.pipe(passed);
}

/** Starts the server. `api`, `edge`, `store` and `issuer` are origins; there may be no issuer. */
export async function serve({ api, edge, store, issuer, port = 0 }) {
  const manifest = JSON.parse(await readFile(join(DIST, "manifest.json"), "utf8"));
  const files = new Map(manifest.files.map((file) => [file.path, file]));
  const policy = manifest.pageHeaders["Content-Security-Policy"];
  const pageHeaders = {
    ...manifest.pageHeaders,
    "Content-Security-Policy": fillOrigins(policy, { edge, store, issuer }),
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const readable = request.method === "GET" || request.method === "HEAD";
    const file = files.get(pathname);
    if (readable && file?.immutable) {
      void sendFile(request, response, file, { ...manifest.fileHeaders });
    } else if (readable && isPage(pathname, manifest.pages)) {
      void sendFile(request, response, files.get(manifest.page), { ...pageHeaders });
    } else passOn(request, response, api);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

if (process.argv[1] === import.meta.filename) {
  const { API, EDGE, STORE, ISSUER, PORT } = process.env;
  const { url } = await serve({
    api: API ?? "http://127.0.0.1:3000",
    edge: EDGE ?? "http://127.0.0.1:3001",
    store: STORE ?? "http://127.0.0.1:9000",
    issuer: ISSUER,
    port: Number(PORT ?? 5173),
  });
  console.log(url);
}
