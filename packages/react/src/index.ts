export { type OpenedDisk, useStreamingDisk } from "./streaming-disk.js";
export { useUpload, useUploader, useUploads } from "./uploads.js";
export { type ShownUrl, useSignedUrl } from "./urls.js";
