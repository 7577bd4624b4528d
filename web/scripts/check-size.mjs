/**
 * Fails if the JavaScript of the first page is larger than allowed: what sign-in and the list of
 * spaces load, compressed by gzip, which is the larger of the two encodings.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const DIST = join(import.meta.dirname, "../dist");
const LARGEST = 250_000;
const FIRST = ["index.html", "src/pages/spaces/SpacesPage.tsx"];

const chunks = JSON.parse(await readFile(join(DIST, "chunks.json"), "utf8"));
const manifest = JSON.parse(await readFile(join(DIST, "manifest.json"), "utf8"));
const sizes = new Map(manifest.files.map(({ path, encodings }) => [path, encodings]));

const loaded = new Set();
function load(name) {
  if (loaded.has(name)) return;
  const chunk = chunks[name];
  if (!chunk) throw new Error(`the build has no chunk ${name}`);
  loaded.add(name);
  for (const imported of chunk.imports ?? []) load(imported);
}
for (const name of FIRST) load(name);

const total = { br: 0, gzip: 0 };
for (const name of loaded) {
  const size = sizes.get(`/${chunks[name].file}`);
  total.br += size.br;
  total.gzip += size.gzip;
}
console.log(`first page: ${total.gzip} bytes of JavaScript by gzip, ${total.br} by brotli`);
if (total.gzip > LARGEST) {
  console.error(`error: the first page loads ${total.gzip} bytes; at most ${LARGEST} are allowed`);
  process.exit(1);
}
