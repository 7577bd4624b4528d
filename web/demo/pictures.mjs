/** Pictures for tests and screenshots: landscapes that are computed, each from its number. */
import { crc32, deflateSync } from "node:zlib";

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** Returns a PNG of pixels that `colour(x, y)` gives as `[red, green, blue]`. */
export function png(width, height, colour) {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    at += 1; // The filter of the row: none.
    for (let x = 0; x < width; x += 1) {
      const pixel = colour(x, y);
      rows[at] = pixel[0];
      rows[at + 1] = pixel[1];
      rows[at + 2] = pixel[2];
      at += 3;
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const parts = [
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat([signature, ...parts]);
}

function random(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function hsl(hue, saturation, lightness) {
  const part = (n) => {
    const k = (n + hue * 12) % 12;
    const a = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

const mix = (one, other, share) => one.map((value, i) => value + (other[i] - value) * share);

/** Returns a PNG of hills under a sky, another one for each seed. */
export function landscape(seed, width = 960, height = 640) {
  const next = random(seed + 7);
  const hue = next();
  const warm = (hue + 0.08 + next() * 0.1) % 1;
  const top = hsl(hue, 0.55, 0.35 + next() * 0.3);
  const horizon = hsl(warm, 0.75, 0.78);
  const ground = hsl((hue + 0.5) % 1, 0.35, 0.2);
  const sun = [width * (0.2 + next() * 0.6), height * (0.25 + next() * 0.25), height * 0.06];
  const layers = Array.from({ length: 5 }, (_, i) => ({
    base: height * (0.48 + i * 0.11),
    waves: Array.from({ length: 4 }, (_, k) => [
      ((next() + 0.4) * (k + 1) * 5) / width,
      next() * 7,
      (height * 0.07) / (k + 1),
    ]),
    colour: mix(horizon, ground, 0.35 + i * 0.16),
  }));
  const ridges = layers.map(({ base, waves }) =>
    Float64Array.from({ length: width }, (_, x) =>
      waves.reduce((y, [rate, phase, high]) => y + Math.sin(x * rate + phase) * high, base),
    ),
  );
  return png(width, height, (x, y) => {
    for (let i = layers.length - 1; i >= 0; i -= 1) {
      if (y > ridges[i][x]) return layers[i].colour;
    }
    const distance = Math.hypot(x - sun[0], y - sun[1]);
    const sky = mix(top, horizon, y / (height * 0.62));
    if (distance < sun[2]) return [255, 250, 235];
    return mix(sky, [255, 244, 214], Math.max(0, 0.6 - distance / (height * 0.5)));
  });
}
