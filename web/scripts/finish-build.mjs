/**
 * Finishes a build: compresses each file by brotli and gzip beside it, and writes `dist/manifest.json`,
 * from which a server knows what to send with which headers. README.md describes that file.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { contentSecurityPolicy } from "./csp.mjs";

const DIST = join(import.meta.dirname, "../dist");
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
/**
 * Addresses of pages. `*` stands for one segment, so that no address of a stored object is one of a page.
 * Anything else below `/` is the API's.
 */
const PAGES = ["/", "/sign-in", "/spaces", "/files", "/disks", "/sessions", "/datasets"];
const BELOW = [
  "/spaces/*",
  "/spaces/*/*",
  "/disks/*",
  "/sessions/*",
  "/datasets/*",
  "/datasets/*/*",
  "/admin/*",
];

async function filesOf(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.startsWith(join(DIST, "assets")) || path === join(DIST, "index.html"))
    .filter((path) => ![".br", ".gz"].includes(extname(path)));
}

function compress(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  return { br: brotliCompressSync(bytes, { params }), gzip: gzipSync(bytes, { level: 9 }) };
}

async function describe(path) {
  const contentType = TYPES[extname(path)];
  if (!contentType) throw new Error(`${path} has no known content type`);
  const bytes = await readFile(path);
  const { br, gzip } = compress(bytes);
  await writeFile(`${path}.br`, br);
  await writeFile(`${path}.gz`, gzip);
  return {
    path: `/${relative(DIST, path)}`,
    contentType,
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    immutable: path !== join(DIST, "index.html"),
    encodings: { br: br.length, gzip: gzip.length },
  };
}

const files = [];
for (const path of (await filesOf(DIST)).sort()) files.push(await describe(path));
await rename(join(DIST, ".vite/manifest.json"), join(DIST, "chunks.json"));
const manifest = {
  page: "/index.html",
  pages: [...PAGES, ...BELOW],
  pageHeaders: {
    "Content-Security-Policy": await contentSecurityPolicy(),
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
  },
  fileHeaders: {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
  },
  files,
};
await writeFile(join(DIST, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`${files.length} files in dist/manifest.json`);
