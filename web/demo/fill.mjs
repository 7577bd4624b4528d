/**
 * Fills a server with something for every page of the dashboard: a gallery, files, disk images, media of
 * a session, a dataset. For `make demo`, for tests and for screenshots.
 *
 * `clip.mp4` was made by ffmpeg's `gradients` and `sine`; `cores.parquet` by pyarrow, from computed
 * numbers.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Api } from "./api.mjs";
import { landscape } from "./pictures.mjs";

const SPACE = "Coastal survey 2026";
const MEDIA_TIMEOUT = 120_000;
const text = (words) => Buffer.from(words);
const stored = (name) => readFile(join(import.meta.dirname, name));

async function gallery(api) {
  const space = await api.space(SPACE);
  for (let i = 0; i < 26; i += 1) {
    const [width, height] = [
      [960, 640],
      [640, 800],
      [900, 600],
    ][i % 3];
    await api.image(
      space,
      `coast-${String(i + 1).padStart(3, "0")}.png`,
      landscape(i, width, height),
    );
  }
  await api.shown(space, 26);
  const { images } = await api.ask("GET", `/api/spaces/${space}/images`);
  for (const { id } of images.slice(0, 3)) {
    await api.ask("DELETE", `/api/spaces/${space}/images/${id}`);
  }
  for (const [user, role] of Object.entries({
    bob: "editor",
    carol: "viewer",
    "dave@lab.example": "viewer",
  })) {
    await api.ask("PUT", `/api/spaces/${space}/members/${user}`, { role });
  }
  return { space, image: images[5].id };
}

/** Makes further spaces with a few images each, of other names than English ones too. */
async function smallGalleries(api) {
  const names = [
    "أرشيف الصور",
    "Лаборатория",
    "Press pictures",
    "Prototype renders",
    "Team outing",
  ];
  for (const [i, name] of names.entries()) {
    const space = await api.space(name);
    const count = 2 + ((i * 3) % 4);
    for (let n = 0; n < count; n += 1) {
      await api.image(space, `${n + 1}.png`, landscape(100 + i * 10 + n, 480, 360));
    }
    await api.shown(space, count);
  }
}

async function files(api) {
  const report = text("Tide table\n".repeat(2000));
  const listed = [
    ["minutes-2026-11.txt", "board", "text/plain"],
    ["minutes-2026-10.txt", "board", "text/plain"],
    ["tides.csv", "measurements/2026", "text/csv"],
    ["buoy-7.csv", "measurements/2026", "text/csv"],
    ["calibration.txt", "measurements", "text/plain"],
    [
      "a name that goes on and on, as names of exported reports tend to do, until nobody reads it.txt",
      "",
      "text/plain",
    ],
    ["notes.md", "", "text/markdown"],
  ];
  for (const [name, folder, mime] of listed) await api.file(name, folder, report, mime);
  await api.file("harbour.png", "press", landscape(90), "image/png");
}

async function disks(api) {
  const bytes = Buffer.alloc(12 << 20);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2654435761) >>> 0, at);
  const disk = await api.disk("workstation-2026.img", bytes);
  await api.disk("rescue-system.img", bytes.subarray(0, 6 << 20));
  return disk;
}

async function media(api) {
  const session = (await api.ask("POST", "/v1/sessions", {})).id;
  const stages = ["intake", "intake", "inspection", "inspection", "testDrive", "general"];
  for (const [i, stage] of stages.entries()) {
    await api.media(session, stage, `photo-${i + 1}.png`, landscape(50 + i, 800, 600));
  }
  await api.media(session, "testDrive", "drive.mp4", await stored("clip.mp4"), "video/mp4");
  await api.media(session, "inspection", "broken.png", landscape(60, 64, 64).subarray(0, 500));
  const deadline = Date.now() + MEDIA_TIMEOUT;
  for (;;) {
    const { media: items } = await api.ask("GET", `/v1/sessions/${session}/media`);
    const done = ["COMPLETED", "REJECTED", "FAILED"];
    if (items.every(({ status }) => done.includes(status))) return session;
    if (Date.now() > deadline) throw new Error("media were not processed in time");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function dataset(api) {
  const { id } = await api.ask("POST", "/packages/datasets", { name: "Estuary sediment cores" });
  const query = `dataset_id=${encodeURIComponent(id)}`;
  const collection = (name, parentId) =>
    api.ask("POST", `/packages/collections?${query}`, { name, parentId });
  const raw = await collection("Raw");
  await collection("Figures");
  const csv = text("depth,grain\n1,0.2\n".repeat(500));
  const parquet = await stored("cores.parquet");
  const parquetType = "application/vnd.apache.parquet";
  await api.package(id, "core-01", raw.nodeId, "core-01.csv", csv, "text/csv");
  await api.package(id, "core-02", raw.nodeId, "core-02.csv", csv, "text/csv");
  await api.package(id, "cores", raw.nodeId, "cores.parquet", parquet, parquetType);
  await api.package(id, "README", undefined, "README.md", text("# Cores\n"), "text/markdown");
  const old = await api.package(id, "summary", undefined, "summary.csv", csv, "text/csv");
  await api.ask("DELETE", `/packages?${query}`, { nodeIds: [old] });
  await api.package(id, "summary", undefined, "summary.csv", csv, "text/csv");
  await api.ask("POST", `/packages/restore?${query}`, { nodeIds: [old] });
  return id;
}

/** Returns whether the server was filled before, to the end. */
export async function isFilled(api) {
  const { spaces } = await api.ask("GET", "/api/spaces?limit=100");
  return spaces.some(({ name, imageCount }) => name === SPACE && imageCount >= 23);
}

/**
 * Fills the server of `api`, and returns the ids of what there is to look at. `say` is told of each step.
 * The gallery is last: `isFilled` looks for it.
 */
export async function fill(api, say = () => undefined) {
  say("files");
  await files(api);
  say("two disk images");
  const disk = await disks(api);
  say("photos and a clip of a session");
  const session = await media(api);
  say("a dataset");
  const datasetId = await dataset(api);
  say("small galleries");
  await smallGalleries(api);
  say("a gallery of 26 images");
  return { ...(await gallery(api)), disk, session, dataset: datasetId };
}

/** Returns requests as the user to whom the content belongs. */
export function demoUser(origin, roles = "admin") {
  return new Api(origin, "ann", "lab", roles);
}
