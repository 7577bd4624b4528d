/**
 * Puts many images into a space of a stopped server, as rows and hard links: the API would take hours.
 * Each is a copy of an image that the server itself has published, with its thumbnails.
 */
import { linkSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The file system's limit of links to one file (ext4) is 65,000. */
const LINKS_PER_FILE = 60_000;

/** Returns the bytes of a UUID (version 7) of a time in milliseconds. */
function uuidOf(time, n) {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(time, 0, 6);
  bytes.writeUInt16BE(0x7000 | (n % 0x1000), 6);
  bytes.writeUInt32BE((0x80000000 | (n >>> 12)) >>> 0, 8);
  bytes.writeUInt32BE(n, 12);
  return bytes;
}

function textOf(uuid) {
  return uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function link(store, from, to) {
  mkdirSync(join(store, to), { recursive: true });
  for (const name of readdirSync(join(store, from))) {
    linkSync(join(store, from, name), join(store, to, name));
  }
}

/**
 * Copies the published images of a space until it has `count` more. `hasFiles(n)` says which of them get
 * files; the others are rows only. The newest has the number 0.
 */
export function addImages(data, space, count, hasFiles = () => true) {
  const database = new DatabaseSync(join(data, "tidegate.db"));
  const originals = database
    .prepare(
      "SELECT * FROM objects WHERE owner_kind = 'space' AND owner_id = ? AND state = 'READY'",
    )
    .all(space);
  const columns = Object.keys(originals[0]);
  const insert = database.prepare(
    `INSERT INTO objects (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  );
  const newest = Date.now() - 1000;
  let linked = 0;
  database.exec("BEGIN");
  for (let n = 0; n < count; n += 1) {
    const original = originals[n % originals.length];
    const time = newest - n;
    const id = uuidOf(time, n);
    const folder = original.object_key.split("/").slice(0, -1).join("/");
    const placed = `spaces/${space}/pub/${textOf(id)}/${n.toString(16).padStart(32, "0")}`;
    const file = original.object_key.slice(folder.length);
    if (hasFiles(n)) {
      link(join(data, "store"), folder, placed);
      linked += 1;
      if (linked > LINKS_PER_FILE * originals.length) throw new Error("too many links to a file");
    }
    const row = {
      ...original,
      id,
      object_key: `${placed}${file}`,
      name: `image-${String(n).padStart(7, "0")}.png`,
      sealed_key: null,
      created_at: time * 1000,
      modified_at: time * 1000,
    };
    insert.run(...columns.map((name) => row[name]));
  }
  database.exec("COMMIT");
  database.close();
}
