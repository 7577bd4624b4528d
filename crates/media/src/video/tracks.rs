//! Parses ffprobe's reports, finds the main video track and compares the tracks of two files.
//! Frames are counted as stored; nothing is decoded. ffprobe is started in the parent module.

use serde::Deserialize;

use crate::image::Refusal;

/// The entries that ffprobe reports of a file.
pub(super) const ENTRIES: &str = "format=duration:stream=index,codec_type,codec_name,width,height,channels,sample_aspect_ratio,nb_frames\
     :stream_disposition=attached_pic,timed_thumbnails,still_image:stream_side_data=rotation";
/// The entries that ffprobe reports of each frame: its time, and whether it is a keyframe.
pub(super) const FRAME_ENTRIES: &str = "packet=pts_time,flags";
/// The codecs of still pictures. A track with one frame in such a codec is a cover, even if it is
/// not marked as one.
const STILL_CODECS: [&str; 8] = ["mjpeg", "png", "bmp", "gif", "webp", "tiff", "jpeg2000", "jpegls"];
/// The tolerance for times, in milliseconds. `WebM` has a resolution of one millisecond, and MP4 of a
/// fraction that the file defines.
const TIME_TOLERANCE: f64 = 100.0;
/// The relative tolerance for the pixel aspect ratio. `WebM` stores it as a display size in whole
/// pixels.
const ASPECT_TOLERANCE: f64 = 0.01;

/// ffprobe's report of a file.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Probed {
    #[serde(default)]
    streams: Vec<Track>,
    format: Option<Format>,
}

/// A track, which ffmpeg calls a stream.
#[derive(Debug, Default, Clone, Deserialize)]
pub(super) struct Track {
    /// The index by which ffmpeg selects the track.
    pub(super) index: u32,
    #[serde(default)]
    codec_type: String,
    /// Empty if ffmpeg does not know the codec.
    #[serde(default)]
    pub(super) codec_name: String,
    /// The channels of an audio track.
    pub(super) channels: Option<u32>,
    width: Option<u32>,
    height: Option<u32>,
    sample_aspect_ratio: Option<String>,
    nb_frames: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

/// The dispositions of a track: 0 or 1 each.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
    timed_thumbnails: u8,
    still_image: u8,
}

#[derive(Debug, Clone, Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Format {
    duration: Option<String>,
}

impl Probed {
    /// Parses ffprobe's JSON report.
    pub(super) fn parse(report: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(report).map_err(|_| Refusal::Damaged)
    }

    /// Returns the first video track that is not a cover, a thumbnail or a still image, which
    /// ffmpeg reports as video tracks too.
    pub(super) fn main_video(&self) -> Result<&Track, Refusal> {
        self.streams.iter().find(|track| track.is_main_video()).ok_or(Refusal::NoVideo)
    }

    /// Returns the audio tracks.
    pub(super) fn audio(&self) -> impl Iterator<Item = &Track> {
        self.streams.iter().filter(|track| track.codec_type == "audio")
    }

    /// Returns the duration in milliseconds.
    pub(super) fn duration(&self) -> u64 {
        let text = self.format.as_ref().and_then(|format| format.duration.as_deref()).unwrap_or_default();
        let seconds: f64 = text.parse().unwrap_or_default();
        let time = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Track {
    /// Returns whether the track is a video track with a size, and not a still image.
    fn is_main_video(&self) -> bool {
        let Disposition { attached_pic, timed_thumbnails, still_image } = self.disposition;
        let is_still = attached_pic + timed_thumbnails + still_image > 0
            || STILL_CODECS.contains(&self.codec_name.as_str()) && self.declared_frames() == Some(1);
        self.codec_type == "video" && !is_still && self.upright_size().is_some()
    }

    /// Returns the number of frames that the container declares, if any.
    pub(super) fn declared_frames(&self) -> Option<u64> {
        self.nb_frames.as_deref()?.parse().ok()
    }

    /// Returns the size as players show it: with square pixels, and after the rotation that the
    /// container declares. The longer side of a pixel counts, so that no detail is lost.
    pub(super) fn display_size(&self) -> Option<(u32, u32)> {
        let (width, height) = self.stored_size()?;
        let ratio = self.pixel_aspect_ratio();
        let scaled = |side: u32, by: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and clamped")]
            let side = (f64::from(side) * by).round().clamp(1.0, f64::from(u32::MAX)) as u32;
            side
        };
        let size = if ratio >= 1.0 { (scaled(width, ratio), height) } else { (width, scaled(height, 1.0 / ratio)) };
        Some(self.turned(size))
    }

    /// Returns the stored size after the rotation that the container declares, as phones do for
    /// upright videos.
    fn upright_size(&self) -> Option<(u32, u32)> {
        self.stored_size().map(|size| self.turned(size))
    }

    fn stored_size(&self) -> Option<(u32, u32)> {
        self.width.zip(self.height).filter(|(width, height)| *width > 0 && *height > 0)
    }

    fn turned(&self, (width, height): (u32, u32)) -> (u32, u32) {
        let is_quarter_turn = (self.rotation() / 90.0).round().rem_euclid(2.0) >= 1.0;
        if is_quarter_turn { (height, width) } else { (width, height) }
    }

    /// Returns the declared rotation in degrees, from 0 to 360.
    fn rotation(&self) -> f64 {
        self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or_default().rem_euclid(360.0)
    }

    /// Returns the aspect ratio of a pixel (width by height); 1 if none is declared.
    fn pixel_aspect_ratio(&self) -> f64 {
        let ratio = self.sample_aspect_ratio.as_deref().and_then(|text| text.split_once(':'));
        let ratio = ratio.and_then(|(width, height)| width.parse::<f64>().ok().zip(height.parse::<f64>().ok()));
        ratio.filter(|(width, height)| *width > 0.0 && *height > 0.0).map_or(1.0, |(width, height)| width / height)
    }
}

/// The measured frames of a track.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Frames {
    /// The number of stored frames.
    pub(super) stored: u64,
    /// The number of frames from the first keyframe on. Earlier ones can't be decoded, and ffmpeg
    /// drops them.
    decodable: u64,
    /// The time from the first decodable frame to the start of the last one, in milliseconds. Not
    /// every container declares the duration of the last frame.
    span: f64,
}

impl Frames {
    /// Parses lines of [`FRAME_ENTRIES`].
    pub(super) fn parse(report: &[u8]) -> Self {
        let (mut frames, mut first, mut last) = (Self::default(), f64::INFINITY, f64::NEG_INFINITY);
        for line in String::from_utf8_lossy(report).lines() {
            // Some versions of ffprobe end lines with a comma.
            let mut fields = line.split(',');
            let (Some(time), Some(flags)) = (fields.next(), fields.next()) else { continue };
            frames.stored += 1;
            if frames.decodable == 0 && !flags.starts_with('K') {
                continue;
            }
            frames.decodable += 1;
            if let Ok(time) = time.parse::<f64>() {
                (first, last) = (first.min(time * 1000.0), last.max(time * 1000.0));
            }
        }
        frames.span = (last - first).max(0.0);
        frames
    }
}

/// The measurements of a file and its main video track.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) probed: Probed,
    pub(super) video: Track,
    pub(super) frames: Frames,
}

impl Measured {
    /// Returns the first difference between this file and `output`, for a person to read. `audio`
    /// are the expected codecs of the audio tracks. Returns `None` if the videos are equal.
    pub(super) fn difference(&self, output: &Self, audio: &[&str]) -> Option<String> {
        let (before, after) = (&self.video, &output.video);
        if before.codec_name != after.codec_name {
            return Some(format!("it is coded as {} instead of {}", after.codec_name, before.codec_name));
        }
        if before.upright_size() != after.upright_size() || (before.rotation() - after.rotation()).abs() > 1.0 {
            let [before, after] = [before, after].map(|track| {
                let (width, height) = track.upright_size().unwrap_or_default();
                format!("{width} x {height} turned by {} degrees", track.rotation().round())
            });
            return Some(format!("it is {after} instead of {before}"));
        }
        let (expected, actual) = (before.pixel_aspect_ratio(), after.pixel_aspect_ratio());
        if (expected - actual).abs() > expected * ASPECT_TOLERANCE {
            return Some(format!("its pixels are {actual:.2} times as wide as high instead of {expected:.2} times"));
        }
        if self.frames.decodable != output.frames.decodable {
            return Some(format!("it has {} frames instead of {}", output.frames.decodable, self.frames.decodable));
        }
        if (self.frames.span - output.frames.span).abs() > TIME_TOLERANCE {
            return Some(format!("it lasts {:.0} ms instead of {:.0} ms", output.frames.span, self.frames.span));
        }
        let actual: Vec<&str> = output.probed.audio().map(|track| track.codec_name.as_str()).collect();
        if audio != actual {
            return Some(format!("its sound is [{}] instead of [{}]", actual.join(", "), audio.join(", ")));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(streams: &str) -> Probed {
        Probed::parse(format!(r#"{{"streams":[{streams}],"format":{{"duration":"2.5"}}}}"#).as_bytes()).unwrap()
    }

    const COVER: &str = r#"{"index":0,"codec_type":"video","codec_name":"mjpeg","width":600,"height":600,"disposition":{"attached_pic":1}}"#;
    const AUDIO: &str = r#"{"index":1,"codec_type":"audio","codec_name":"aac"}"#;
    const VIDEO: &str = r#"{"index":2,"codec_type":"video","codec_name":"h264","width":320,"height":240,"nb_frames":"50","sample_aspect_ratio":"1:1","disposition":{"attached_pic":0}}"#;

    fn index(streams: &[&str]) -> Option<u32> {
        probed(&streams.join(",")).main_video().ok().map(|track| track.index)
    }

    #[test]
    fn the_main_video_is_the_first_track_that_is_not_a_still() {
        assert_eq!(index(&[COVER, AUDIO, VIDEO]), Some(2));
        assert_eq!(index(&[VIDEO, COVER]), Some(2));
        assert_eq!(index(&[COVER, AUDIO]), None);
        assert_eq!(index(&[AUDIO]), None);
        let plain = COVER.replace(r#","disposition":{"attached_pic":1}"#, "");
        for (more, found) in [(r#","nb_frames":"1""#, 2), (r#","nb_frames":"9""#, 0), ("", 0)] {
            let track = plain.replace(r#","width""#, &format!(r#"{more},"width""#));
            assert_eq!(index(&[&track, VIDEO]), Some(found), "{track}");
        }
        for disposition in ["timed_thumbnails", "still_image"] {
            assert_eq!(index(&[&COVER.replace("attached_pic", disposition), VIDEO]), Some(2));
        }
        assert_eq!(index(&[&VIDEO.replace("320", "0").replace(":2", ":7"), VIDEO]), Some(2), "without a size");
    }

    fn measured(streams: &str, frames: &str) -> Measured {
        let probed = probed(streams);
        let video = probed.main_video().unwrap().clone();
        Measured { probed, video, frames: Frames::parse(frames.as_bytes()) }
    }

    #[test]
    fn every_difference_is_named() {
        let both = format!("{VIDEO},{AUDIO}");
        let frames = "0.000000,K_\n0.040000,__\n0.080000,__\n";
        let original = measured(&both, frames);
        let difference =
            |streams: &str, frames: &str| original.difference(&measured(streams, frames), &["aac"]).unwrap_or_default();
        assert_eq!(difference(&both, frames), "");
        assert_eq!(difference(&both.replace("1:1", "0:1"), "0.003000,K__,\n0.043000,___,\n0.083000,___,\n"), "");
        for (streams, frames, wanted) in [
            (both.replace("h264", "mjpeg"), frames, "it is coded as mjpeg instead of h264"),
            (
                both.replace("320", "322"),
                frames,
                "it is 322 x 240 turned by 0 degrees instead of 320 x 240 turned by 0 degrees",
            ),
            (both.replace("1:1", "4:3"), frames, "its pixels are 1.33 times as wide as high instead of 1.00 times"),
            (both.clone(), "0.000000,K_\n", "it has 1 frames instead of 3"),
            (both.clone(), "0.000000,K_\n0.040000,__\n0.480000,__\n", "it lasts 480 ms instead of 80 ms"),
            (VIDEO.to_owned(), frames, "its sound is [] instead of [aac]"),
        ] {
            assert_eq!(difference(&streams, frames), wanted);
        }
        let turned = |by: &str| {
            both.replace(r#""nb_frames""#, &format!(r#""side_data_list":[{{"rotation":{by}}}],"nb_frames""#))
        };
        assert_eq!(
            difference(&turned("180"), frames),
            "it is 320 x 240 turned by 180 degrees instead of 320 x 240 turned by 0 degrees"
        );
        assert_eq!(difference(&turned("-360"), frames), "");
        assert_eq!(measured(&turned("-90"), frames).video.display_size(), Some((240, 320)));
        for (ratio, turn, size) in
            [("4:3", "0", (427, 240)), ("4:3", "90", (240, 427)), ("3:4", "0", (320, 320)), ("0:1", "0", (320, 240))]
        {
            let track = measured(&turned(turn).replace("1:1", ratio), frames).video;
            assert_eq!(track.display_size(), Some(size), "{ratio} turned by {turn}");
        }
    }

    #[test]
    fn frames_before_the_first_keyframe_do_not_count() {
        let frames = Frames::parse(b"0.000000,__\n0.040000,__\n0.080000,K_\nN/A,__\n0.120000,_D\n");
        assert_eq!((frames.stored, frames.decodable), (5, 3));
        assert!((frames.span - 40.0).abs() < 0.001, "{frames:?}");
        assert_eq!(Frames::parse(b""), Frames::default());
    }
}
