import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const PAGES = [
  "docs/guides/client.md",
  "docs/guides/client-uploads.md",
  "docs/guides/client-reading.md",
  "packages/client/README.md",
  "packages/react/README.md",
  "packages/uppy/README.md",
];
const BLOCK = /^```(tsx?)\n([\s\S]*?)^```$/gm;

/** Blocks of one language of a page are one module, as a reader has them after pasting them in turn. */
async function writeModules(folder: string, page: string): Promise<number> {
  const modules = new Map<string, string>();
  for (const [, language = "", code = ""] of (await readFile(join(ROOT, page), "utf8")).matchAll(
    BLOCK,
  )) {
    modules.set(language, (modules.get(language) ?? "") + code);
  }
  for (const [language, code] of modules) {
    await writeFile(
      join(folder, `${page.replaceAll("/", "-")}.${language}`),
      `${code}\nexport {};\n`,
    );
  }
  return modules.size;
}

test("all examples of the documents compile", { timeout: 120_000 }, async () => {
  await mkdir(join(ROOT, "node_modules/.cache"), { recursive: true });
  // Below the root, so that the packages are found.
  const folder = await mkdtemp(join(ROOT, "node_modules/.cache/tidegate-docs-"));
  try {
    for (const page of PAGES) expect(await writeModules(folder, page), page).toBeGreaterThan(0);
    const compilerOptions = {
      noEmit: true,
      jsx: "react-jsx",
      noUnusedLocals: false,
      types: ["react"],
      typeRoots: [join(ROOT, "node_modules/@types")],
    };
    const include = await readdir(folder);
    const config = { extends: join(ROOT, "tsconfig.base.json"), compilerOptions, include };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(ROOT, "node_modules/.bin/tsc");
    const { stdout } = await promisify(execFile)(compiler, ["--project", folder]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  } finally {
    await rm(folder, { recursive: true });
  }
});
