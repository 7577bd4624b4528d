import { expect, test } from "vitest";
import { toCsv } from "./csv.ts";
import { assetPath, childFolders, pathTo } from "./folders.ts";
import { doorsOf, parsePrometheus, requestsOf, sumOf } from "./prometheus.ts";
import { quantile } from "./statistics.ts";
import { smallestUrl, srcSet } from "./variants.ts";

test("folders below a folder are those that files lie in", () => {
  const paths = ["", "a", "a/b", "a/b/c", "ab", "a/d"];
  expect(childFolders("", paths)).toEqual(["a", "ab"]);
  expect(childFolders("a", paths)).toEqual(["b", "d"]);
  expect(childFolders("a/b/c", paths)).toEqual([]);
});

test("the path of an asset has no empty names", () => {
  expect(assetPath("", "", "a.png")).toBe("a.png");
  expect(assetPath("/tiles//0/ ", "x/y", "a.png")).toBe("tiles/0/x/y/a.png");
});

test("a path leads from the top", () => {
  expect(pathTo("a/b").map(({ folder }) => folder)).toEqual(["a", "a/b"]);
  expect(pathTo("")).toEqual([]);
});

test("a table of strangers' words is safe to open in a spreadsheet", () => {
  expect(toCsv(["a"], [['=cmd|"x"!A1'], ["two\nlines"], ["plain"]])).toBe(
    'a\r\n"\'=cmd|""x""!A1"\r\n"two\nlines"\r\nplain\r\n',
  );
});

test("metrics are read with their labels", () => {
  const text = [
    "# HELP jobs jobs",
    'jobs{state="queued"} 3',
    'jobs{state="dead",why="a \\"b\\", c"} 2',
    "plain 1.5",
    "not a sample",
  ].join("\n");
  const samples = parsePrometheus(text);
  expect(samples).toHaveLength(3);
  expect(samples[1]?.labels).toEqual({ state: "dead", why: 'a "b", c' });
  expect(sumOf(samples, "jobs")).toBe(5);
  expect(sumOf(samples, "jobs", { state: "queued" })).toBe(3);
});

test("the requests of the edge are counted where it counts them", () => {
  const samples = parsePrometheus(
    [
      'tidegate_connections{door="edge"} 1',
      'tidegate_http_requests_total{door="api",status="200"} 5',
      'tidegate_edge_requests_total{status="200",verdict="Allowed"} 7',
      'tidegate_edge_requests_total{status="503",verdict="Busy"} 2',
    ].join("\n"),
  );
  expect(doorsOf(samples)).toEqual(["api", "edge"]);
  expect(requestsOf(samples, "api")).toBe(5);
  expect(requestsOf(samples, "edge")).toBe(9);
  expect(requestsOf(samples, "s3")).toBe(0);
  expect(requestsOf(samples)).toBe(14);
});

test("quantiles are of the values themselves", () => {
  const values = [5, 1, 4, 2, 3];
  expect(quantile(values, 0.5)).toBe(3);
  expect(quantile(values, 0.95)).toBe(5);
  expect(quantile([], 0.5)).toBe(0);
});

test("the browser chooses among WebP thumbnails, and never gets one without a URL", () => {
  const variants = [
    { width: 640, contentType: "image/webp", url: "https://e/640.webp" },
    { width: 320, contentType: "image/webp", url: "https://e/320.webp" },
    { width: 320, contentType: "image/jpeg", url: "https://e/320.jpg" },
    { width: 160, contentType: "image/webp", url: null },
  ];
  expect(srcSet(variants)).toBe("https://e/320.webp 320w, https://e/640.webp 640w");
  expect(smallestUrl(variants)).toBe("https://e/320.webp");
  expect(srcSet([])).toBe("");
});
