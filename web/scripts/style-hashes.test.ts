import { expect, test } from "vitest";
// @ts-expect-error -- a script of the build, without types
import { styleHashes, styleTexts } from "./style-hashes.mjs";

test("the installed library has exactly the styles that the policy allows", async () => {
  const hashes: string[] = await styleHashes();
  expect(hashes).toHaveLength(2);
  for (const hash of hashes) expect(hash).toMatch(/^'sha256-[A-Za-z0-9+/]{43}='$/);
});

test("constants in a style are filled in, and anything else is an error", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a template
  const source = "const $a = 'data-x';\nstyle.textContent = `\n[${$a}] {}\n  `.trim();";
  expect(styleTexts(source)).toEqual(["[data-x] {}"]);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the source of a template
  expect(() => styleTexts("style.textContent = `${b()}`.trim()")).toThrow("no constant");
});
