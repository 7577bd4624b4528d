/** Types of images that spaces and sessions take. */
export const IMAGE_TYPES: readonly string[] = [
  "image/jpeg",
  "image/png",
  "image/gif",
  "image/webp",
];

/** Types of media items that sessions take: images and videos. */
export const MEDIA_TYPES: readonly string[] = [
  ...IMAGE_TYPES,
  "video/mp4",
  "video/quicktime",
  "video/webm",
];
