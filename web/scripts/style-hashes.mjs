/**
 * Hashes of the style elements that react-aria puts into the page, read from the installed library.
 * They are the only inline styles that the content security policy allows.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const SOURCES = ["interactions/usePress.mjs", "overlays/usePreventScroll.mjs"];

/** Returns the texts that a module of the library assigns to `style.textContent`. */
export function styleTexts(source) {
  const constants = new Map(
    [...source.matchAll(/const (\S+) = '([^']*)';/g)].map(([, name, value]) => [name, value]),
  );
  return [...source.matchAll(/style\.textContent = `([^`]*)`\.trim\(\)/g)].map(([, template]) =>
    template
      .replace(/\$\{([^}]+)\}/g, (_, name) => {
        const value = constants.get(name.trim());
        if (value === undefined) throw new Error(`the style uses ${name}, which is no constant`);
        return value;
      })
      .trim(),
  );
}

/** Returns the CSP sources of these styles, such as `'sha256-…'`. Throws if the library has others. */
export async function styleHashes() {
  const root = dirname(createRequire(import.meta.url).resolve("react-aria/package.json"));
  const hashes = [];
  for (const source of SOURCES) {
    const texts = styleTexts(await readFile(join(root, "dist/private", source), "utf8"));
    if (texts.length !== 1) throw new Error(`${source} has ${texts.length} styles instead of 1`);
    hashes.push(`'sha256-${createHash("sha256").update(texts[0]).digest("base64")}'`);
  }
  return hashes;
}
