//! The settings of sessions, scanning, image and video processing, and GraphQL.

use std::path::{Path, PathBuf};
use std::time::Duration;

use media::clamd::{Address, Clamd};
use media::sandbox::Sandbox;
use media::video::Ffmpeg;

use super::resolve::Resolver;

/// Address space of a decoder process in bytes, besides its image: program, libraries, stacks.
const DECODER_MEMORY: u64 = 512 << 20;
/// Bytes a decoder may need per pixel: two buffers of four bytes, and one of the source.
const BYTES_PER_PIXEL: u64 = 14;
/// Address space of ffmpeg in bytes; it copies or decodes tracks, and encodes sound.
const FFMPEG_MEMORY: u64 = 4 << 30;
const MIB: u64 = 1 << 20;

/// The settings of sessions.
#[derive(Debug, Clone, Copy)]
pub struct SessionsSetting {
    /// The lifetime of a link to an unpublished media item.
    pub link_lifetime: Duration,
    /// Whether uploaders may read their original before it is scanned.
    pub original_urls: bool,
}

/// The settings of the malware scanner.
#[derive(Debug, Clone)]
pub struct ScannerSetting {
    /// The address of clamd.
    pub address: Address,
    /// How long clamd may send nothing.
    pub idle_timeout: Duration,
    /// The time limit of a scan.
    pub scan_timeout: Duration,
    /// The most bytes that are scanned.
    pub max_size: u64,
    /// The most concurrent scans.
    pub concurrent_scans: usize,
    /// Whether content too large to scan is published, marked `unscanned`.
    pub publish_unscanned: bool,
}

/// The settings of image and video processing.
#[derive(Debug, Clone)]
pub struct MediaSetting {
    /// The most pixels of an image, or of all frames of an animation.
    pub max_pixels: u64,
    /// The most frames of an animation.
    pub max_frames: u32,
    /// The JPEG quality.
    pub quality: u8,
    /// The longer sides of thumbnails in pixels.
    pub thumbnails: Vec<u32>,
    /// The time limit for one image.
    pub image_time: Duration,
    /// The most images processed concurrently.
    pub concurrent_images: usize,
    /// The time limit for each step of a video.
    pub video_time: Duration,
    /// The most videos processed concurrently.
    pub concurrent_videos: usize,
    /// The paths of ffmpeg and ffprobe, if they were found.
    pub ffmpeg: Option<(PathBuf, PathBuf)>,
    /// The path of this program, which runs the decoders.
    pub program: PathBuf,
}

/// The settings of GraphQL.
#[derive(Debug, Clone, Copy, Default)]
pub struct GraphqlSetting {
    /// The deepest query.
    pub depth: usize,
    /// The most complex query.
    pub complexity: usize,
    /// Whether introspection is enabled.
    pub introspection: bool,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
}

impl ScannerSetting {
    /// Returns a client of the scanner.
    pub fn clamd(&self) -> Clamd {
        Clamd::new(self.address.clone(), self.idle_timeout, self.scan_timeout, self.concurrent_scans)
    }
}

impl MediaSetting {
    /// Returns the sandbox that images are decoded in.
    pub fn sandbox(&self) -> Sandbox {
        let memory = DECODER_MEMORY + self.max_pixels * BYTES_PER_PIXEL;
        // The output is the image or its thumbnails, so never more than its pixels.
        Sandbox { program: self.program.clone(), memory, time: self.image_time, max_output: self.max_pixels * 4 }
    }

    /// Returns the ffmpeg runner, if ffmpeg was found.
    pub fn ffmpeg(&self, data: &Path) -> Option<Ffmpeg> {
        let (ffmpeg, ffprobe) = self.ffmpeg.clone()?;
        Some(Ffmpeg {
            launcher: self.program.clone(),
            ffmpeg,
            ffprobe,
            memory: FFMPEG_MEMORY,
            time: self.video_time,
            folder: data.join("work"),
        })
    }
}

pub(super) fn sessions(r: &mut Resolver) -> SessionsSetting {
    SessionsSetting {
        link_lifetime: r.seconds("MEDIA_LINK_TTL_SECONDS", 60..=604_800),
        original_urls: r.flag("MEDIA_ORIGINAL_URLS"),
    }
}

/// Returns the scanner, and whether scanning was switched off.
pub(super) fn scanner(r: &mut Resolver) -> (Option<ScannerSetting>, bool) {
    let off = r.choice("SCANNER", &[("clamd", false), ("off", true)]);
    let socket = r.text("CLAMAV_SOCKET").map(PathBuf::from);
    let port = u16::try_from(r.number("CLAMAV_PORT", 1..=65_535)).unwrap_or(3310);
    let address = match (socket, r.text("CLAMAV_HOST")) {
        (Some(_), Some(_)) => {
            r.problem("CLAMAV_SOCKET", "either it or CLAMAV_HOST: there is one scanner");
            None
        }
        (Some(socket), None) => Some(Address::Unix(socket)),
        (None, Some(host)) => Some(Address::Tcp(host, port)),
        (None, None) => None,
    };
    if off && address.is_some() {
        r.problem("SCANNER", "clamd, or neither CLAMAV_HOST nor CLAMAV_SOCKET: what is off is not asked");
    }
    let setting = ScannerSetting {
        address: address.clone().unwrap_or_else(|| Address::Tcp(String::new(), port)),
        idle_timeout: r.seconds("CLAMAV_TIMEOUT_SECONDS", 1..=600),
        scan_timeout: r.seconds("CLAMAV_SCAN_SECONDS", 1..=3600),
        max_size: r.number("CLAMAV_MAX_MB", 1..=4096) * MIB,
        concurrent_scans: usize::try_from(r.number("CLAMAV_SCANS_AT_ONCE", 1..=100)).unwrap_or(1),
        publish_unscanned: r.flag("PUBLISH_UNSCANNED"),
    };
    (address.map(|_| setting), off)
}

pub(super) fn media(r: &mut Resolver) -> MediaSetting {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let max_pixels = r.number("MEDIA_MAX_MEGAPIXELS", 1..=500) * 1_000_000;
    // All decoders together must leave half of the memory to other uses.
    let room = memory_of_this_machine() / 2 / (DECODER_MEMORY + max_pixels * BYTES_PER_PIXEL);
    let usual = cores.min(usize::try_from(room).unwrap_or(cores)).max(1);
    let sizes: Option<Vec<u32>> = r.list("MEDIA_THUMBNAILS").iter().map(|size| size.parse().ok()).collect();
    let good = |sizes: &Vec<u32>| sizes.len() <= 8 && sizes.iter().all(|size| (16..=4096).contains(size));
    let thumbnails = sizes.filter(good).unwrap_or_else(|| {
        r.problem("MEDIA_THUMBNAILS", "up to eight numbers of pixels between commas, each from 16 to 4096");
        Vec::new()
    });
    let at_once = |given: Option<u64>, usual: usize| given.and_then(|n| usize::try_from(n).ok()).unwrap_or(usual);
    let images = r.text("WORKER_IMAGES").is_some().then(|| r.number("WORKER_IMAGES", 1..=256));
    MediaSetting {
        max_pixels,
        max_frames: u32::try_from(r.number("MEDIA_MAX_FRAMES", 1..=10_000)).unwrap_or(1),
        quality: u8::try_from(r.number("MEDIA_JPEG_QUALITY", 1..=100)).unwrap_or(85),
        thumbnails,
        image_time: r.seconds("MEDIA_IMAGE_SECONDS", 1..=600),
        concurrent_images: at_once(images, usual),
        video_time: r.seconds("MEDIA_VIDEO_SECONDS", 1..=3600),
        concurrent_videos: at_once(Some(r.number("WORKER_VIDEOS", 1..=64)), 1),
        ffmpeg: ffmpeg(r),
        // Refers to the running program even after its file was replaced.
        program: PathBuf::from("/proc/self/exe"),
    }
}

/// Returns the size of the machine's memory in bytes.
fn memory_of_this_machine() -> u64 {
    let told = rustix::system::sysinfo();
    told.totalram.saturating_mul(u64::from(told.mem_unit))
}

/// Finds ffmpeg and ffprobe, in the configured folder or in `PATH`.
#[expect(clippy::disallowed_methods, reason = "programs are found as the shell finds them")]
fn ffmpeg(r: &mut Resolver) -> Option<(PathBuf, PathBuf)> {
    let given = r.text("FFMPEG_PATH");
    if given.as_deref() == Some("off") {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = match &given {
        Some(folder) => vec![std::path::absolute(folder).unwrap_or_else(|_| PathBuf::from(folder))],
        None => std::env::split_paths(&path).collect(),
    };
    let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    let found = find("ffmpeg").zip(find("ffprobe"));
    if found.is_none() && given.is_some() {
        r.problem("FFMPEG_PATH", "a folder in which ffmpeg and ffprobe are, or off");
    }
    found
}

pub(super) fn graphql(r: &mut Resolver, production: bool) -> GraphqlSetting {
    let either = |given: Option<bool>| given.unwrap_or(!production);
    let mut flag = |name| r.text(name).is_some().then(|| r.flag(name));
    let (introspection, graphiql) = (flag("GRAPHQL_INTROSPECTION"), flag("GRAPHIQL"));
    GraphqlSetting {
        depth: usize::try_from(r.number("GRAPHQL_MAX_DEPTH", 1..=100)).unwrap_or(1),
        complexity: usize::try_from(r.number("GRAPHQL_MAX_COMPLEXITY", 1..=100_000)).unwrap_or(1),
        introspection: either(introspection),
        graphiql: either(graphiql),
    }
}
