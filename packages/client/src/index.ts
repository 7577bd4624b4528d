export type { components, operations, paths } from "./api.js";
export {
  type ClientOptions,
  createClient,
  dataOf,
  type TidegateClient,
  type TokenCallback,
} from "./client.js";
export { ServerClock } from "./clock.js";
export { diskGrants, type LoadGrant, type ReadGrant } from "./disk/grant.js";
export {
  openDisk,
  type ReadOptions,
  StreamingDisk,
  type StreamingDiskOptions,
} from "./disk/streaming-disk.js";
export {
  type ArchiveStatus,
  type ErrorFacts,
  type ErrorKind,
  TidegateError,
} from "./error.js";
export type { RetryOptions } from "./retry.js";
export { type HintStore, memoryHints, type UploadHint } from "./upload/hints.js";
export { IMAGE_TYPES, MEDIA_TYPES } from "./upload/media-types.js";
export type { UploadProgress } from "./upload/rate.js";
export type {
  ChecksumTime,
  FoundOpenUpload,
  FoundUpload,
  OpenUpload,
  PartTarget,
  StoredPart,
  UploadHandle,
  UploadSource,
  UploadSurface,
} from "./upload/surface.js";
export { diskImages, type UploadedDisk } from "./upload/surfaces/disk.js";
export { type FilesOptions, type UploadedFile, userFiles } from "./upload/surfaces/files.js";
export {
  type AssetOptions,
  type PackageOptions,
  packageAssets,
  packages,
  type UploadedPackage,
} from "./upload/surfaces/package.js";
export {
  type SessionMediaOptions,
  sessionMedia,
  type UploadedMedia,
} from "./upload/surfaces/session.js";
export { spaceImages, type UploadedImage } from "./upload/surfaces/space.js";
export { type PutBytes, type PutRequest, putBytes } from "./upload/transport.js";
export {
  type ChecksumMode,
  Upload,
  type UploadSnapshot,
  type UploadState,
} from "./upload/upload.js";
export { Uploader, type UploaderOptions } from "./upload/uploader.js";
export { type KeptUrl, type LoadedUrls, UrlKeeper, type UrlKeeperOptions } from "./urls/keeper.js";
export {
  imagesOf,
  packageAssetUrls,
  parseTime,
  type SpaceImage,
  type SpaceImagePage,
  spaceImageUrls,
} from "./urls/sources.js";
