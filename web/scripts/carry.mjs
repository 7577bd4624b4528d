/**
 * Copies a finished build to where the binary takes it from. `--check` compares instead: it fails if the
 * committed copy is not what the sources give.
 *
 * Compressed bytes may differ between machines (zlib has code of its own for some processors), so that
 * the contents are compared, by their SHA-256 in both manifests.
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

const DIST = join(import.meta.dirname, "../dist");
const CARRIED = join(import.meta.dirname, "../../crates/tidegate/assets/dashboard");
const MANIFEST = "manifest.json";

async function manifestOf(folder) {
  return JSON.parse(await readFile(join(folder, MANIFEST), "utf8"));
}

function carriedNames(manifest) {
  return [MANIFEST, ...manifest.files.flatMap(({ path }) => [`${path}.br`, `${path}.gz`])].map(
    (name) => name.replace(/^\//, ""),
  );
}

async function copy() {
  await rm(CARRIED, { recursive: true, force: true });
  for (const name of carriedNames(await manifestOf(DIST))) {
    await mkdir(dirname(join(CARRIED, name)), { recursive: true });
    await copyFile(join(DIST, name), join(CARRIED, name));
  }
}

/** Returns a manifest without what compression decides. */
function contentsOf(manifest) {
  const files = manifest.files.map(({ encodings: _, ...file }) => file);
  return JSON.stringify({ ...manifest, files }, null, 1);
}

async function damagedCopies(manifest) {
  const damaged = [];
  for (const { path, sha256 } of manifest.files) {
    for (const [ending, decompress] of [
      [".br", brotliDecompressSync],
      [".gz", gunzipSync],
    ]) {
      const content = decompress(await readFile(join(CARRIED, `${path}${ending}`)));
      const sum = createHash("sha256").update(content).digest("hex");
      if (sum !== sha256) damaged.push(`${path}${ending}`);
    }
  }
  return damaged;
}

async function namesBelow(folder) {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

async function differences() {
  const [built, carried] = [await manifestOf(DIST), await manifestOf(CARRIED)];
  const expected = new Set(carriedNames(carried));
  const left = (await namesBelow(CARRIED)).filter((name) => !expected.has(name));
  const wrong = [...left, ...(await damagedCopies(carried))];
  if (contentsOf(built) !== contentsOf(carried)) wrong.push(MANIFEST);
  return wrong;
}

if (process.argv.includes("--check")) {
  const wrong = await differences();
  if (wrong.length > 0) {
    console.error(
      `assets/dashboard is not what web/ builds: ${wrong.join(", ")}. Run make dashboard.`,
    );
    process.exitCode = 1;
  }
} else await copy();
