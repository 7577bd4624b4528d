/** Requests by which tests put things into a server, as one user. */

export class Api {
  constructor(origin, user = "ann", org = "lab", roles = "") {
    this.origin = origin;
    this.headers = { "X-User-Id": user, "X-Org-Id": org, ...(roles && { "X-Roles": roles }) };
  }

  async ask(method, path, body) {
    const response = await fetch(this.origin + path, {
      method,
      headers: { ...this.headers, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  async put(url, headers, bytes) {
    const response = await fetch(url, { method: "PUT", headers, body: bytes });
    if (!response.ok) throw new Error(`PUT: ${response.status} ${await response.text()}`);
    return response.headers.get("ETag");
  }

  async space(name) {
    return (await this.ask("POST", "/api/spaces", { name })).id;
  }

  async image(space, filename, bytes, contentType = "image/png") {
    const path = `/api/spaces/${space}/images`;
    const target = await this.ask("POST", path, { filename, contentType, size: bytes.length });
    await this.put(target.uploadUrl, target.headers, bytes);
    await this.ask("POST", `${path}/${target.id}/confirm`);
    return target.id;
  }

  /** Waits until as many images of a space are shown. */
  async shown(space, count) {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const { imageCount } = await this.ask("GET", `/api/spaces/${space}`);
      if (imageCount >= count) return;
      if (Date.now() > deadline) throw new Error(`only ${imageCount} of ${count} images are shown`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  async file(name, folder, bytes, mime, visibility = "private") {
    const body = {
      mode: "single",
      files: [{ name, size: bytes.length, mime, visibility }],
      folder,
    };
    const { uploads } = await this.ask("POST", "/v1/files/init", body);
    const [{ uploadId, url, headers }] = uploads;
    await this.put(url, headers, bytes);
    return this.ask("POST", "/v1/files/complete", { uploadId });
  }

  async disk(name, bytes) {
    const { imageId, uploadId, partSize } = await this.ask("POST", "/v1/images", {
      name,
      size: bytes.length,
    });
    const parts = [];
    for (let start = 0; start < bytes.length; start += partSize) {
      const partNumber = parts.length + 1;
      const path = `/v1/images/${imageId}/upload-url`;
      const { url } = await this.ask("POST", path, { uploadId, partNumber });
      const etag = await this.put(url, {}, bytes.subarray(start, start + partSize));
      parts.push({ partNumber, etag });
    }
    await this.ask("POST", `/v1/images/${imageId}/complete`, { uploadId, parts });
    return imageId;
  }

  async media(session, stage, filename, bytes, contentType = "image/png") {
    const path = `/v1/sessions/${session}/media`;
    const body = { filename, contentType, stage, size: bytes.length };
    const target = await this.ask("POST", `${path}/upload-url`, body);
    const headers = Object.fromEntries(target.headers.map(({ name, value }) => [name, value]));
    await this.put(target.uploadUrl, headers, bytes);
    return this.ask("POST", `${path}/confirm`, { fileKey: target.fileKey, stage });
  }

  async package(dataset, name, parentId, filename, bytes, contentType) {
    const path = `/packages?dataset_id=${encodeURIComponent(dataset)}`;
    const body = { name, parentId, filename, contentType, size: bytes.length };
    const target = await this.ask("POST", path, body);
    await this.put(target.uploadUrl, target.headers, bytes);
    await this.ask("POST", `/packages/${target.id}/confirm`, {});
    return target.nodeId;
  }
}
