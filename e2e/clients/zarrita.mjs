// Reads an array with zarrita, as viewers in browsers do: `node zarrita.mjs URL COOKIES`. Prints the
// attributes of the group, and the shape and the sum of the array `0`, as JSON.

import * as zarr from "zarrita";

const [url, cookies] = process.argv.slice(2);
const root = zarr.root(new zarr.FetchStore(url, { overrides: { headers: { Cookie: cookies } } }));
const group = await zarr.open(root, { kind: "group" });
const { data, shape } = await zarr.get(await zarr.open(group.resolve("0"), { kind: "array" }));
const sum = data.reduce((total, value) => total + value, 0);
console.log(JSON.stringify({ attributes: group.attrs, shape, sum }));
