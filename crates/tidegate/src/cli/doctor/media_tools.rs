//! The checks of what looks at uploads: the scanner, the decoder in its sandbox, and ffmpeg.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use media::clamd::{Clamd, Verdict};
use media::image::CleanOptions;
use media::kind::Kind;

use super::context::Context;
use super::report::Outcome;
use super::request::plain;
use crate::config::ScannerSetting;
use crate::model::rules::{self, Processing, Scanning};

/// The age of signatures from which a warning is given, and from which they are too old.
const OLD: Duration = Duration::from_secs(2 * 24 * 3600);
const TOO_OLD: Duration = Duration::from_secs(7 * 24 * 3600);
/// The most bytes that are sent to find the scanner's limit.
const MOST_SENT: u64 = 256 << 20;
/// What is sent at a time.
const CHUNK: usize = 1 << 20;

/// A PNG of 32 × 32 pixels of one colour.
const PICTURE: &[u8] = include_bytes!("picture.png");

/// Returns the scanner, or the outcome of a check without it.
fn scanner(context: &Context) -> Result<(&ScannerSetting, Clamd), Outcome> {
    let config = &context.config;
    match &config.scanner {
        Some(setting) => Ok((setting, setting.clamd())),
        None if config.scanner_off => Err(Outcome::skipped("SCANNER=off")),
        None if config.scans(Scanning::Required) => {
            Err(Outcome::warning("there is no scanner: uploads that need one wait, or are published unscanned"))
        }
        None => Err(Outcome::skipped("no scanner is set, and no surface that is on needs one")),
    }
}

pub(super) async fn answers(context: &Context) -> Outcome {
    let (setting, clamd) = match scanner(context) {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    match clamd.version().await {
        Ok(version) => {
            let version = plain(version.split('/').next().unwrap_or_default());
            Outcome::ok(format!("{version} at {}", setting.address))
        }
        Err(error) => Outcome::failed(error.to_string()),
    }
}

pub(super) async fn signatures(context: &Context) -> Outcome {
    let clamd = match scanner(context) {
        Ok((_, clamd)) => clamd,
        Err(outcome) => return Outcome { state: super::report::State::Skipped, ..outcome },
    };
    let version = match clamd.version().await {
        Ok(version) => version,
        Err(error) => return Outcome::skipped(error.to_string()),
    };
    let mut parts = version.splitn(3, '/').skip(1);
    let (number, date) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    // The form of ctime(3), which is also the oldest one of HTTP dates.
    let Ok(date) = httpdate::parse_http_date(date.trim()) else {
        return Outcome::warning("clamd has no official signatures, or does not say of what day");
    };
    let age = SystemTime::now().duration_since(date).unwrap_or_default();
    let seen = format!("version {} of signatures, {} days old", plain(number), age.as_secs() / (24 * 3600));
    match age {
        age if age > TOO_OLD => Outcome::failed(seen),
        age if age > OLD => Outcome::warning(seen),
        _ => Outcome::ok(seen),
    }
}

pub(super) async fn limits(context: &Context) -> Outcome {
    let (setting, clamd) = match scanner(context) {
        Ok(found) => found,
        Err(outcome) => return Outcome { state: super::report::State::Skipped, ..outcome },
    };
    let wanted = setting.max_size;
    let sent = wanted.min(MOST_SENT);
    let zeros = Bytes::from(vec![0; CHUNK]);
    let chunk = |at: usize| {
        let left = sent.saturating_sub((at * CHUNK) as u64);
        Ok(zeros.slice(..CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))))
    };
    let chunks = usize::try_from(sent.div_ceil(CHUNK as u64)).unwrap_or(0);
    let stream = futures::stream::iter((0..chunks).map(chunk));
    let permit = clamd.acquire_permit().await;
    let mib = wanted >> 20;
    match clamd.scan(permit, stream).await {
        Ok(Verdict::TooLarge) => Outcome::failed(format!(
            "clamd refuses a stream of {} MiB, and files up to {mib} MiB are sent to it (CLAMAV_MAX_MB)",
            sent >> 20
        )),
        Ok(Verdict::Clean) if sent < wanted => {
            Outcome::warning(format!("clamd takes {} MiB; up to the {mib} of CLAMAV_MAX_MB was not tried", sent >> 20))
                .remedy("compare StreamMaxLength and MaxFileSize of clamd.conf with CLAMAV_MAX_MB by hand")
        }
        Ok(Verdict::Clean) => Outcome::ok(format!("clamd takes a stream of {mib} MiB (CLAMAV_MAX_MB)")),
        Ok(other) => Outcome::failed(format!("clamd says of zeros: {other:?}")),
        Err(error) => Outcome::failed(error.to_string()),
    }
}

pub(super) async fn decoder(context: &Context) -> Outcome {
    let takes = |processing| context.config.surfaces.iter().any(|kind| rules::of(*kind).processing == processing);
    if !takes(Processing::Reencode) && !takes(Processing::Lossless) {
        return Outcome::skipped("no surface that is on makes images anew");
    }
    let media = &context.config.media;
    let options = CleanOptions {
        kind: Kind::Png,
        max_pixels: media.max_pixels,
        max_frames: media.max_frames,
        quality: media.quality,
        thumbnails: vec![16],
        lossless: false,
    };
    let image = futures::stream::iter([Ok(Bytes::from_static(PICTURE))]);
    match media.sandbox().clean(&options, image).await {
        Ok(cleaned) if cleaned.thumbnails.iter().all(|thumbnail| thumbnail.picture.width == 16) => {
            Outcome::ok(format!("{} thumbnails of a picture were made in the sandbox", cleaned.thumbnails.len()))
        }
        Ok(_) => Outcome::failed("the thumbnails have another size than was asked for"),
        Err(error) => Outcome::failed(error.to_string()),
    }
}

pub(super) async fn ffmpeg(context: &Context) -> Outcome {
    let config = &context.config;
    if !config.surfaces.iter().any(|kind| rules::of(*kind).processing == Processing::Reencode) {
        return Outcome::skipped("no surface that is on takes videos");
    }
    let Some(ffmpeg) = config.media.ffmpeg(&config.data) else {
        return Outcome::warning("there is no ffmpeg: videos are not published");
    };
    match ffmpeg.probe().await {
        Ok(()) => {
            let path = config.media.ffmpeg.as_ref().map(|(path, _)| path.display().to_string());
            Outcome::ok(format!("{} can be run", path.unwrap_or_default()))
        }
        Err(error) => Outcome::failed(error.to_string()),
    }
}
