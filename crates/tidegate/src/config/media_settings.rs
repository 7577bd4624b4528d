//! The rows of the settings table for sessions, spaces and media processing; resolved in
//! `media.rs`.

use super::settings::{Setting, built};

/// The rows.
pub(super) const MEDIA: &[Setting] = &[
    built(
        "SCANNER",
        "clamd",
        "clamd | off",
        "Who looks for malware. Where neither CLAMAV_HOST nor CLAMAV_SOCKET is set nobody does, which production takes only with off.",
    ),
    built("CLAMAV_HOST", "", "a host name or an address", "Where clamd is."),
    built("CLAMAV_PORT", "3310", "1 to 65535", "Its port there."),
    built("CLAMAV_SOCKET", "", "a path", "Its socket on this machine, instead of CLAMAV_HOST."),
    built("CLAMAV_TIMEOUT_SECONDS", "30", "1 to 600 seconds", "How long clamd may be silent."),
    built("CLAMAV_SCAN_SECONDS", "300", "1 to 3600 seconds", "How long one scan may take."),
    built(
        "CLAMAV_MAX_MB",
        "100",
        "1 to 4096 MiB",
        "The most that clamd is asked to scan: no more than its StreamMaxLength and MaxFileSize, beyond which it may look at a part and say OK.",
    ),
    built("CLAMAV_SCANS_AT_ONCE", "4", "1 to 100", "Scans that one process asks for at once."),
    built(
        "PUBLISH_UNSCANNED",
        "false",
        "true | false",
        "Whether what is too large for the scanner is published all the same, marked as unscanned.",
    ),
    built("MEDIA_MAX_IMAGE_MB", "50", "1 to 1024 MiB", "The largest image of a session or a space."),
    built("MEDIA_MAX_VIDEO_MB", "2048", "1 to 102400 MiB", "The largest video of a session."),
    built(
        "MEDIA_UPLOAD_URL_TTL_SECONDS",
        "300",
        "1 to 3600 seconds",
        "How long an upload URL of a session or a space works.",
    ),
    built(
        "MEDIA_UPLOAD_EXPIRY_SECONDS",
        "86400",
        "1 to 31536000 seconds",
        "When an upload to a session or a space that was never confirmed is given up.",
    ),
    built(
        "MEDIA_LINK_TTL_SECONDS",
        "86400",
        "60 to 604800 seconds",
        "How long the link to something works that is not published yet.",
    ),
    built(
        "MEDIA_ORIGINAL_URLS",
        "false",
        "true | false",
        "Whether the one who sent it is given a URL of the original before it was scanned, as the source has it.",
    ),
    built(
        "MEDIA_MAX_MEGAPIXELS",
        "100",
        "1 to 500 million pixels",
        "The largest image, and all frames of an animation.",
    ),
    built("MEDIA_MAX_FRAMES", "1000", "1 to 10000", "Frames of an animation."),
    built("MEDIA_JPEG_QUALITY", "85", "1 to 100", "The quality images are encoded with."),
    built(
        "MEDIA_THUMBNAILS",
        "320, 1280",
        "up to eight numbers of pixels, from 16 to 4096",
        "The longer sides of thumbnails; each is made as WebP and as JPEG, or PNG where there is transparency.",
    ),
    built("MEDIA_IMAGE_SECONDS", "30", "1 to 600 seconds", "How long one image may take to be made anew."),
    built("MEDIA_VIDEO_SECONDS", "600", "1 to 3600 seconds", "How long each step of a video may take."),
    built(
        "WORKER",
        "true",
        "true | false",
        "Whether the server does jobs itself; with false, `tidegate work` must run beside it.",
    ),
    built(
        "WORKER_CLASSES",
        "upkeep, scans, images, videos",
        "a list of: upkeep, scans, images, videos",
        "The classes of jobs that this process does. Where it leaves one out, another `tidegate work` must do it.",
    ),
    built(
        "WORKER_PORT",
        "off",
        "0 to 65535, or off",
        "Where `tidegate work` answers /healthz, /readyz and /metrics; a server does so on PORT.",
    ),
    built(
        "WORKER_IMAGES",
        "",
        "1 to 256",
        "Images that one process works on at once. Default: one for each core, as far as half of the memory goes.",
    ),
    built("WORKER_VIDEOS", "1", "1 to 64", "Videos that one process works on at once."),
    built(
        "FFMPEG_PATH",
        "",
        "a folder, or off",
        "Where ffmpeg and ffprobe are. Default: where the system finds programs. Without them videos fail, and can be retried.",
    ),
    built("RETENTION_DAYS", "30", "0 to 36500 days", "How long what was deleted can be brought back, where it can be."),
    built(
        "GRANT_TTL_SECONDS",
        "900",
        "60 to 604800 seconds",
        "How long a signed URL of a session or a space works, also for who is no longer a member.",
    ),
    built(
        "SPACE_LINK_MAX_SECONDS",
        "604800",
        "60 to 604800 seconds",
        "The longest lifetime of a link to one image of a space. For viewers GRANT_TTL_SECONDS is a limit too.",
    ),
    built(
        "IMPORT_PREFIXES",
        "",
        "a list of prefixes such as generated/",
        "Below which keys of the bucket a service may import images into spaces; below none by default.",
    ),
    built("GRAPHQL_MAX_DEPTH", "20", "1 to 100", "Levels of a GraphQL query; tools that read the schema ask for 15."),
    built("GRAPHQL_MAX_COMPLEXITY", "2000", "1 to 100000", "Fields of a GraphQL query, lists by their length."),
    built(
        "GRAPHQL_INTROSPECTION",
        "",
        "true | false",
        "Whether the GraphQL schema may be asked for. Default: true, and false in production.",
    ),
    built(
        "GRAPHIQL",
        "",
        "true | false",
        "Whether /graphql shows GraphiQL to browsers. Default: true, and false in production.",
    ),
];
