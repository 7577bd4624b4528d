// node time.js ROUNDS THUMBNAILS FILE...: prints the milliseconds of each round over all files,
// with one thread, as the original image processor works.
const fs = require("fs");
const sharp = require("sharp");
sharp.concurrency(1);
sharp.cache(false);
const [rounds, thumbnails, ...names] = process.argv.slice(2);
const sizes = thumbnails.split(",").filter(Boolean).map(Number);
const files = names.map((name) => fs.readFileSync(name));

async function one(file) {
  await sharp(file).rotate().jpeg({ quality: 85 }).toBuffer();
  for (const size of sizes) {
    const small = await sharp(file).rotate().resize(size, size, { fit: "inside", withoutEnlargement: true }).raw().toBuffer({ resolveWithObject: true });
    const raw = { raw: { width: small.info.width, height: small.info.height, channels: small.info.channels } };
    await sharp(small.data, raw).webp({ quality: 80 }).toBuffer();
    await sharp(small.data, raw).jpeg({ quality: 80 }).toBuffer();
  }
}

(async () => {
  for (let round = 0; round < Number(rounds); round++) {
    const started = process.hrtime.bigint();
    for (const file of files) await one(file);
    console.log((Number(process.hrtime.bigint() - started) / 1e6).toFixed(2));
  }
})();
