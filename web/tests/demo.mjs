/** Fills a server with something for every page, for screenshots. */
import { Api } from "./api.mjs";
import { landscape } from "./pictures.mjs";

const text = (words) => Buffer.from(words);

async function gallery(api) {
  const space = await api.space("Coastal survey 2026");
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
  const names = [
    "Team outing",
    "Prototype renders",
    "Press pictures",
    "Лаборатория",
    "أرشيف الصور",
  ];
  for (const name of names) await api.space(name);
  return { space, image: images[5].id };
}

async function files(api) {
  const report = text("Tide table\n".repeat(2000));
  const listed = [
    ["minutes-2026-11.pdf", "board", "application/pdf"],
    ["minutes-2026-10.pdf", "board", "application/pdf"],
    ["tides.csv", "measurements/2026", "text/csv"],
    ["buoy-7.csv", "measurements/2026", "text/csv"],
    ["calibration.txt", "measurements", "text/plain"],
    ["logo.svg", "press", "image/svg+xml"],
    [
      "a name that goes on and on, as names of exported reports tend to do, until nobody reads it.txt",
      "",
      "text/plain",
    ],
    ["notes.md", "", "text/markdown"],
  ];
  for (const [name, folder, mime] of listed) await api.file(name, folder, report, mime);
}

async function media(api) {
  const session = (await api.ask("POST", "/v1/sessions", {})).id;
  const stages = ["intake", "intake", "inspection", "inspection", "testDrive", "general"];
  for (const [i, stage] of stages.entries()) {
    await api.media(session, stage, `photo-${i + 1}.png`, landscape(50 + i, 800, 600));
  }
  await api.media(session, "inspection", "broken.png", landscape(60, 64, 64).subarray(0, 500));
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { media: items } = await api.ask("GET", `/v1/sessions/${session}/media`);
    if (items.every(({ status }) => ["COMPLETED", "REJECTED"].includes(status))) return session;
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
  await api.package(id, "core-01", raw.nodeId, "core-01.csv", csv, "text/csv");
  await api.package(id, "core-02", raw.nodeId, "core-02.csv", csv, "text/csv");
  await api.package(id, "README", undefined, "README.md", text("# Cores\n"), "text/markdown");
  const old = await api.package(id, "summary", undefined, "summary.csv", csv, "text/csv");
  await api.ask("DELETE", `/packages?${query}`, { nodeIds: [old] });
  await api.package(id, "summary", undefined, "summary.csv", csv, "text/csv");
  await api.ask("POST", `/packages/restore?${query}`, { nodeIds: [old] });
  return id;
}

/** Fills the server at `origin`, and returns the ids of what there is to look at. */
export async function fill(origin, roles = "admin") {
  const api = new Api(origin, "ann", "lab", roles);
  const shown = await gallery(api);
  await files(api);
  const bytes = Buffer.alloc(12 << 20, 7);
  const disk = await api.disk("workstation-2026.img", bytes);
  await api.disk("rescue-system.img", bytes.subarray(0, 6 << 20));
  return { ...shown, disk, session: await media(api), dataset: await dataset(api) };
}
