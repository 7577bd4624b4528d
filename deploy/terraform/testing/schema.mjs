// Extracts the schema of the AWS provider from @cdktf/provider-aws, restricted to the types that the
// modules use. Usage: node schema.mjs FOLDER_OF_THE_PACKAGE. Writes provider/schema.json.
//
// The package holds generated bindings. Names, kinds and nesting of arguments come from their HCL
// mappers; whether one is required, optional or computed comes from the generator's comments. Both are
// in the TypeScript source that each file carries in its source map.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const bindings = join(process.argv[2] ?? "", "lib");

/** The types named in the modules and examples, as `aws_s3_bucket` and `data.aws_region`. */
function typesInUse() {
  const found = { resource: new Set(), data: new Set() };
  for (const file of readdirSync(dirname(here), { recursive: true })) {
    if (!file.endsWith(".tf")) continue;
    const text = readFileSync(join(dirname(here), file), "utf8");
    for (const [, kind, type] of text.matchAll(/^(resource|data) "(aws_\w+)" "/gm)) found[kind].add(type);
  }
  return found;
}

/** The TypeScript source of the bindings in one folder. */
function sourceOf(folder) {
  const sources = [];
  for (const file of readdirSync(join(bindings, folder)).sort()) {
    if (!file.endsWith(".js")) continue;
    const map = readFileSync(join(bindings, folder, file), "utf8").match(/sourceMappingURL=data:application\/json;base64,([\w+/=]+)/);
    if (map) sources.push(...JSON.parse(Buffer.from(map[1], "base64").toString()).sourcesContent);
  }
  return sources.join("\n");
}

/** What the generator says of each argument, by class. */
function flagsOf(source) {
  const flags = {};
  let current = {};
  for (const line of source.split("\n")) {
    const started = line.match(/^export class (\w+)/);
    if (started) current = flags[started[1]] ??= {};
    const said = line.match(/^\s*\/\/ (\w+) - computed: (\w+), optional: (\w+), required: (\w+)/);
    if (said) {
      const [, name, computed, optional, required] = said;
      current[name] = { computed: computed === "true", optional: optional === "true", required: required === "true" };
    }
    const read = line.match(/this\.get(String|Number|Boolean|List|StringMap|NumberList)Attribute\('(\w+)'\)/);
    if (read && current[read[2]]) current[read[2]].read = read[1];
  }
  return flags;
}

/** The text of a function that maps a struct to HCL. */
function mapperOf(source, name) {
  const start = source.indexOf(`function ${name}(`);
  return start < 0 ? undefined : source.slice(start, source.indexOf("\n}\n", start));
}

const KIND_OF_SET = { stringList: "stringSet", numberList: "numberSet" };
const KIND_READ = { String: "string", Number: "number", Boolean: "boolean", List: "stringList", StringMap: "stringMap" };

function blockOf(source, flags, text, className) {
  const own = flags[className] ?? {};
  const attributes = [];
  const blocks = [];
  const seen = new Set();
  const entries = text.matchAll(/^\s{4,8}(\w+): \{\s*\n\s*value: (.*),\s*\n\s*isBlock: (true|false),\s*\n\s*type: "(\w+)",\s*\n\s*storageClassType: "(\w+)"/gm);
  for (const [, name, value, isBlock, type, storage] of entries) {
    seen.add(name);
    const said = own[name] ?? { optional: true };
    const mapper = value.match(/(\w+)ToHclTerraform/)?.[1];
    if (isBlock === "true" && mapper && !/^(string|number|boolean|hash|listMapper)/.test(mapper)) {
      const inner = mapperOf(source, `${mapper}ToHclTerraform`);
      if (!inner) throw new Error(`${className}.${name}: no mapper`);
      // A single struct stands for a block that may come once.
      const once = !/listMapperHcl/.test(value);
      blocks.push({
        name,
        set: type === "set",
        min: said.required ? 1 : 0,
        max: once ? 1 : 0,
        ...blockOf(source, flags, inner, `${mapper[0].toUpperCase()}${mapper.slice(1)}OutputReference`),
      });
      continue;
    }
    let kind = storage;
    if (type === "list" && storage === "stringList") kind = "stringList";
    if (type === "set") kind = KIND_OF_SET[storage] ?? "dynamic";
    if (type === "map") kind = "stringMap";
    attributes.push({ name, kind, required: !!said.required, computed: !said.required && !!said.computed, optional: !said.required && said.optional !== false });
  }
  for (const [name, said] of Object.entries(own)) {
    if (seen.has(name) || !said.computed || said.optional || said.required) continue;
    attributes.push({ name, kind: KIND_READ[said.read] ?? "dynamic", required: false, computed: true, optional: false });
  }
  const byName = (a, b) => (a.name < b.name ? -1 : 1);
  return { attributes: attributes.sort(byName), blocks: blocks.sort(byName) };
}

function typeOf(folder) {
  const source = sourceOf(folder);
  const className = source.match(/export class (\w+) extends cdktf\.Terraform(?:Resource|DataSource)/)[1];
  return blockOf(source, flagsOf(source), source.slice(source.indexOf("synthesizeHclAttributes")), className);
}

const version = JSON.parse(readFileSync(join(bindings, "../package.json"), "utf8"));
const used = typesInUse();
const from = (types, prefix) => Object.fromEntries([...types].sort().map((type) => [type, typeOf(`${prefix}${type.slice(4).replaceAll("_", "-")}`)]));
const schema = {
  from: `${version.name} ${version.version}, generated from ${version.cdktf.provider.name} ${version.cdktf.provider.version}`,
  resources: from(used.resource, ""),
  data: from(used.data, "data-aws-"),
};
// One line per type: a change of the modules is then a small change of this file.
const lines = (types) => Object.entries(types).map(([name, block]) => `${JSON.stringify(name)}:${JSON.stringify(block)}`).join(",\n");
writeFileSync(join(here, "provider/schema.json"), `{"from":${JSON.stringify(schema.from)},\n"resources":{\n${lines(schema.resources)}\n},\n"data":{\n${lines(schema.data)}\n}}\n`);
console.log(`${Object.keys(schema.resources).length} resources and ${Object.keys(schema.data).length} data sources of ${schema.from}`);
