//! Chooses the container of a remuxed video and how each of its audio tracks is stored: copied, or
//! encoded again where the container does not hold its codec. Runs nothing; ffmpeg is started in
//! the parent module. The lists are those of ffmpeg's muxers.

use super::tracks::{Probed, Track};
use crate::image::Refusal;
use crate::kind::Kind;

/// The video codecs that MP4 and `WebM` hold.
const MP4_VIDEO: [&str; 9] = ["h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "png"];
const WEBM_VIDEO: [&str; 3] = ["vp8", "vp9", "av1"];
/// The video codecs that `QuickTime` does not hold. It holds nearly all others.
const NOT_QUICKTIME_VIDEO: [&str; 4] = ["vp8", "vp9", "av1", "theora"];
/// The audio codecs that are copied to each container. `QuickTime` holds every form of PCM, too.
const MP4_AUDIO: [&str; 9] = ["aac", "alac", "mp3", "mp2", "ac3", "eac3", "dts", "opus", "vorbis"];
const QUICKTIME_AUDIO: [&str; 7] = ["aac", "alac", "mp3", "mp2", "ac3", "eac3", "dts"];
const WEBM_AUDIO: [&str; 2] = ["opus", "vorbis"];

/// How a video is remuxed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The media type of the output.
    pub(super) kind: Kind,
    /// The index of the video track.
    pub(super) video: u32,
    pub(super) audio: Vec<AudioPlan>,
}

/// How an audio track is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AudioPlan {
    /// The index of the track in the input.
    index: u32,
    /// The codec in the output.
    codec: String,
    encoding: Option<Encoding>,
}

/// How an audio track is encoded again.
#[derive(Debug, PartialEq, Eq)]
struct Encoding {
    encoder: &'static str,
    /// In kilobits per second.
    bit_rate: u32,
    /// Whether more than two channels are mixed down, because the encoder does not take them in
    /// every order.
    mixed_down: bool,
}

impl Plan {
    /// Plans the remuxing of a video of a type. Fails if no container holds its video, or if it has
    /// sound but none that can be read.
    pub(super) fn new(kind: Kind, probed: &Probed, video: &Track) -> Result<Self, Refusal> {
        let codec = video.codec_name.as_str();
        let kind = [kind, Kind::Mp4, Kind::Quicktime, Kind::Webm]
            .into_iter()
            .find(|container| holds_video(*container, codec))
            .ok_or_else(|| unsupported(codec, kind))?;
        // Phones write a second track of a format that only they can read.
        let (known, unknown): (Vec<_>, Vec<_>) = probed.audio().partition(|track| !track.codec_name.is_empty());
        if known.is_empty() && !unknown.is_empty() {
            return Err(unsupported("an unknown audio codec", kind));
        }
        Ok(Self {
            kind,
            video: video.index,
            audio: known.into_iter().map(|track| AudioPlan::new(kind, track)).collect(),
        })
    }

    /// Returns the codecs of the audio tracks in the output.
    pub(super) fn audio_codecs(&self) -> Vec<&str> {
        self.audio.iter().map(|track| track.codec.as_str()).collect()
    }

    /// Returns an upper limit for the size of all sound that is encoded again, in bytes, from the
    /// duration in milliseconds. Encoders may exceed their bit rate.
    pub(super) fn max_encoded_size(&self, duration: u64) -> u64 {
        let rates = self.audio.iter().filter_map(|track| track.encoding.as_ref());
        let rate: u64 = rates.map(|encoding| u64::from(encoding.bit_rate)).sum();
        // Kilobits per second are bits per millisecond.
        duration.saturating_mul(rate) / 8 * 2
    }

    /// Returns ffmpeg's arguments that select the tracks.
    pub(super) fn maps(&self) -> Vec<String> {
        let tracks = std::iter::once(self.video).chain(self.audio.iter().map(|track| track.index));
        tracks.flat_map(|index| ["-map".to_owned(), format!("0:{index}")]).collect()
    }

    /// Returns ffmpeg's arguments that select the tracks and name their encoders.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = self.maps();
        arguments.extend(["-c", "copy"].map(str::to_owned));
        for (number, track) in self.audio.iter().enumerate() {
            let Some(Encoding { encoder, bit_rate, mixed_down }) = &track.encoding else { continue };
            arguments.extend([format!("-c:a:{number}"), (*encoder).to_owned()]);
            arguments.extend([format!("-b:a:{number}"), format!("{bit_rate}k")]);
            if *mixed_down {
                arguments.extend([format!("-ac:a:{number}"), "2".to_owned()]);
            }
        }
        arguments
    }
}

impl AudioPlan {
    fn new(kind: Kind, track: &Track) -> Self {
        let (index, codec) = (track.index, track.codec_name.as_str());
        let copied = match kind {
            Kind::Webm => WEBM_AUDIO.contains(&codec),
            Kind::Quicktime => QUICKTIME_AUDIO.contains(&codec) || codec.starts_with("pcm_"),
            _ => MP4_AUDIO.contains(&codec),
        };
        if copied {
            return Self { index, codec: codec.to_owned(), encoding: None };
        }
        let channels = track.channels.unwrap_or(2);
        let (codec, encoding) = match kind {
            Kind::Webm => ("opus", Encoding { encoder: "libopus", bit_rate: 128, mixed_down: channels > 2 }),
            _ => ("aac", Encoding { encoder: "aac", bit_rate: 192, mixed_down: channels > 2 }),
        };
        Self { index, codec: codec.to_owned(), encoding: Some(encoding) }
    }
}

fn holds_video(kind: Kind, codec: &str) -> bool {
    match kind {
        Kind::Webm => WEBM_VIDEO.contains(&codec),
        Kind::Quicktime => !codec.is_empty() && !NOT_QUICKTIME_VIDEO.contains(&codec),
        _ => MP4_VIDEO.contains(&codec),
    }
}

/// Returns the refusal of a codec that a container does not hold.
pub(super) fn unsupported(codec: &str, kind: Kind) -> Refusal {
    let codec = if codec.is_empty() { "an unknown codec" } else { codec };
    Refusal::Codec { codec: codec.to_owned(), container: kind.content_type().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: Kind, video: &str, audio: &[&str]) -> Result<Plan, Refusal> {
        let audio = (1..).zip(audio).map(|(index, codec)| {
            let (codec, channels) = codec.split_once('/').unwrap_or((codec, "2"));
            format!(r#",{{"index":{index},"codec_type":"audio","codec_name":"{codec}","channels":{channels}}}"#)
        });
        let video = format!(r#"{{"index":0,"codec_type":"video","codec_name":"{video}","width":2,"height":2}}"#);
        let report = format!(r#"{{"streams":[{video}{}]}}"#, audio.collect::<String>());
        let probed = Probed::parse(report.as_bytes()).unwrap();
        let video = probed.main_video().unwrap().clone();
        Plan::new(kind, &probed, &video)
    }

    #[test]
    fn tracks_are_copied_where_the_container_holds_them() {
        for (kind, video, audio) in [
            (Kind::Mp4, "h264", &["aac", "ac3"][..]),
            (Kind::Quicktime, "prores", &["pcm_s16be"]),
            (Kind::Webm, "vp8", &["vorbis", "opus"]),
            (Kind::Mp4, "hevc", &[]),
        ] {
            let plan = plan(kind, video, audio).unwrap();
            assert_eq!((plan.kind, plan.audio_codecs()), (kind, audio.to_vec()));
            assert!(!plan.arguments().iter().any(|word| word.starts_with("-c:")));
        }
    }

    #[test]
    fn sound_is_encoded_again_where_the_container_does_not_hold_it() {
        let mp4 = plan(Kind::Mp4, "h264", &["aac", "pcm_s16be/4"]).unwrap();
        assert_eq!(mp4.audio_codecs(), ["aac", "aac"]);
        let text = mp4.arguments().join(" ");
        assert_eq!(text, "-map 0:0 -map 0:1 -map 0:2 -c copy -c:a:1 aac -b:a:1 192k -ac:a:1 2");
        let webm = plan(Kind::Webm, "vp9", &["aac"]).unwrap();
        assert_eq!(webm.arguments().join(" "), "-map 0:0 -map 0:1 -c copy -c:a:0 libopus -b:a:0 128k");
        assert_eq!(webm.max_encoded_size(10_000), 320_000, "ten seconds, at twice the rate");
    }

    #[test]
    fn a_video_moves_to_the_container_that_holds_it() {
        for (from, video, to) in [
            (Kind::Webm, "h264", Kind::Mp4),
            (Kind::Mp4, "vp8", Kind::Webm),
            (Kind::Mp4, "prores", Kind::Quicktime),
            (Kind::Quicktime, "vp9", Kind::Mp4),
        ] {
            assert_eq!(plan(from, video, &[]).unwrap().kind, to, "{video}");
        }
        let refused = plan(Kind::Mp4, "theora", &[]).unwrap_err().to_string();
        assert_eq!(refused, "theora in video/mp4 is not supported");
    }

    #[test]
    fn sound_that_nobody_can_read_is_left_out_only_beside_other_sound() {
        assert_eq!(plan(Kind::Quicktime, "hevc", &["aac", ""]).unwrap().audio_codecs(), ["aac"]);
        let refused = plan(Kind::Quicktime, "hevc", &[""]).unwrap_err().to_string();
        assert_eq!(refused, "an unknown audio codec in video/quicktime is not supported");
    }
}
