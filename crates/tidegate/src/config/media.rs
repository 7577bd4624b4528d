//! Sessions, and what is done to what is put there: scanning, pictures, videos, GraphQL.

use std::path::{Path, PathBuf};
use std::time::Duration;

use media::clamd::{Address, Clamd};
use media::sandbox::Sandbox;
use media::video::Ffmpeg;

use super::resolve::Resolver;

/// Bytes of address space that a decoder may have besides its picture's: program, libraries, stacks.
const DECODER_MEMORY: u64 = 512 << 20;
/// Bytes that a decoder may need for each pixel: twice four, and once what it was.
const BYTES_PER_PIXEL: u64 = 14;
/// Bytes of address space of ffmpeg, which copies tracks and decodes one picture.
const FFMPEG_MEMORY: u64 = 4 << 30;
const MIB: u64 = 1 << 20;

/// The sessions surface.
#[derive(Debug, Clone, Copy)]
pub struct SessionsSetting {
    /// Whether it is there.
    pub on: bool,
    /// The largest image, in bytes.
    pub max_image: u64,
    /// The largest video, in bytes.
    pub max_video: u64,
    /// How long an upload URL works.
    pub url_lifetime: Duration,
    /// When an upload that was not confirmed is given up.
    pub expiry: Duration,
    /// How long a link to what is not published yet lives.
    pub link_lifetime: Duration,
    /// Whether its uploader may read the original before it was scanned, as the source has it.
    pub original_urls: bool,
}

/// Looking for malware.
#[derive(Debug, Clone)]
pub struct ScannerSetting {
    /// Where clamd is.
    pub address: Address,
    /// How long it may be silent.
    pub idle_timeout: Duration,
    /// How long a scan may take.
    pub scan_timeout: Duration,
    /// The most bytes that it looks at.
    pub max_size: u64,
    /// Scans at once.
    pub concurrent_scans: usize,
    /// Whether what is too large to be scanned is published, marked as such.
    pub publish_unscanned: bool,
}

/// Making pictures and videos anew.
#[derive(Debug, Clone)]
pub struct MediaSetting {
    /// Pixels of an image, or of all frames of an animation.
    pub max_pixels: u64,
    /// Frames of an animation.
    pub max_frames: u32,
    /// JPEG quality.
    pub quality: u8,
    /// Longer sides of thumbnails.
    pub thumbnails: Vec<u32>,
    /// Time for one image.
    pub image_time: Duration,
    /// Images at once.
    pub concurrent_images: usize,
    /// Time for each step of a video.
    pub video_time: Duration,
    /// Videos at once.
    pub concurrent_videos: usize,
    /// ffmpeg and ffprobe, where they were found.
    pub ffmpeg: Option<(PathBuf, PathBuf)>,
    /// This program.
    pub program: PathBuf,
}

/// GraphQL. What depends on everything else is read last.
#[derive(Debug, Clone, Copy, Default)]
pub struct GraphqlSetting {
    /// Levels of a query.
    pub depth: usize,
    /// Fields of a query.
    pub complexity: usize,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
}

impl ScannerSetting {
    /// The scanner.
    pub fn clamd(&self) -> Clamd {
        Clamd::new(self.address.clone(), self.idle_timeout, self.scan_timeout, self.concurrent_scans)
    }
}

impl MediaSetting {
    /// Where images are decoded.
    pub fn sandbox(&self) -> Sandbox {
        let memory = DECODER_MEMORY + self.max_pixels * BYTES_PER_PIXEL;
        // The image, and thumbnails of it: never more than its pixels.
        Sandbox { program: self.program.clone(), memory, time: self.image_time, max_output: self.max_pixels * 4 }
    }

    /// What makes videos anew.
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

pub(super) fn sessions(r: &mut Resolver, on: bool) -> SessionsSetting {
    SessionsSetting {
        on,
        max_image: r.number("MEDIA_MAX_IMAGE_MB", 1..=1024) * MIB,
        max_video: r.number("MEDIA_MAX_VIDEO_MB", 1..=102_400) * MIB,
        url_lifetime: r.seconds("MEDIA_UPLOAD_URL_TTL_SECONDS", 1..=3600),
        expiry: r.seconds("MEDIA_UPLOAD_EXPIRY_SECONDS", 1..=31_536_000),
        link_lifetime: r.seconds("MEDIA_LINK_TTL_SECONDS", 60..=604_800),
        original_urls: r.flag("MEDIA_ORIGINAL_URLS"),
    }
}

/// The scanner, and whether it was said by name that there is none.
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
    // All of them at once must leave half of the memory to others.
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
        // This very program, also when another one was put in its place meanwhile.
        program: PathBuf::from("/proc/self/exe"),
    }
}

fn memory_of_this_machine() -> u64 {
    let told = rustix::system::sysinfo();
    told.totalram.saturating_mul(u64::from(told.mem_unit))
}

/// The two programs: in a folder that is named, or where the system finds programs.
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
