// Writes packages/client/src/api.ts from openapi.json. With --check, compares instead and exits with
// 1 if the file is not current. The generator needs TypeScript 5, so it has a package.json of its own;
// its packages are installed on the first run.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const description = join(here, "../../../openapi.json");
const target = join(here, "../src/api.ts");

if (!existsSync(join(here, "node_modules/openapi-typescript"))) {
  execFileSync("npm", ["ci", "--silent"], { cwd: here, stdio: "inherit" });
}
const { default: openapiTS, astToString } = await import("openapi-typescript");

const types = astToString(await openapiTS(JSON.parse(readFileSync(description, "utf8"))));
const text = `// Generated from openapi.json by \`npm run generate\`. Do not edit.\n\n${types}`;

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  console.error("packages/client/src/api.ts is not current. Run `npm run generate`.");
  process.exit(1);
}
