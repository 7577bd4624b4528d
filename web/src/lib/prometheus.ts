/** Reads the text format of Prometheus, as far as `/metrics` uses it. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

const plain = (text: string) =>
  text.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));

/** Returns the samples of a text. Comments and lines of another form are left out. */
export function parsePrometheus(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (!match?.[1] || match[3] === undefined) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (match[2] ?? "").matchAll(LABEL)) {
      if (name) labels[name] = plain(value ?? "");
    }
    samples.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return samples;
}

/** Returns the sum of a metric's samples, of those with the given labels. */
export function sumOf(
  samples: readonly Sample[],
  name: string,
  labels: Record<string, string> = {},
): number {
  const wanted = Object.entries(labels);
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => wanted.every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

const REQUESTS = "tidegate_http_requests_total";
const EDGE = "edge";
const EDGE_REQUESTS = "tidegate_edge_requests_total";

/** Returns the doors that the server counts connections or requests of. */
export function doorsOf(samples: readonly Sample[]): string[] {
  const named = samples.flatMap(({ labels }) => labels.door ?? []);
  const edge = samples.some(({ name }) => name === EDGE_REQUESTS) ? [EDGE] : [];
  return [...new Set([...named, ...edge])].sort();
}

/** Returns the requests of a door, or of all. The edge counts its own under another name. */
export function requestsOf(samples: readonly Sample[], door?: string): number {
  const counted = sumOf(samples, REQUESTS, door === undefined ? {} : { door });
  return door === undefined || door === EDGE ? counted + sumOf(samples, EDGE_REQUESTS) : counted;
}
