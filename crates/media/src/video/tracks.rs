//! What ffprobe says of a file: which of its tracks is the film, what that is like, and whether what was made of it is the
//! same. Frames are counted as they are stored; nothing is decoded.

use serde::Deserialize;

use crate::image::Refusal;

/// Entries that ffprobe is asked for.
pub(super) const ENTRIES: &str = "format=duration:stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,nb_frames\
     :stream_disposition=attached_pic,timed_thumbnails,still_image:stream_side_data=rotation";
/// Entries of each frame: its time, and whether it can be decoded by itself.
pub(super) const FRAME_ENTRIES: &str = "packet=pts_time,flags";
/// Codecs of single pictures. A track of one frame in one of them is a cover that its writer forgot to call one.
const PICTURES: [&str; 8] = ["mjpeg", "png", "bmp", "gif", "webp", "tiff", "jpeg2000", "jpegls"];
/// Milliseconds by which times may differ: `WebM` counts in whole ones, and MP4 in fractions of its own.
const ROUNDING: f64 = 100.0;
/// Share by which the shape of a pixel may differ: `WebM` writes it as a size in whole pixels.
const PIXEL_SHAPE: f64 = 0.01;

/// What ffprobe says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Probed {
    #[serde(default)]
    streams: Vec<Track>,
    format: Option<Format>,
}

#[derive(Debug, Default, Clone, Deserialize)]
pub(super) struct Track {
    /// By which ffmpeg knows it.
    pub(super) index: u32,
    #[serde(default)]
    codec_type: String,
    #[serde(default)]
    codec_name: String,
    width: Option<u32>,
    height: Option<u32>,
    sample_aspect_ratio: Option<String>,
    nb_frames: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

/// What a track is for: 0 or 1 each.
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
    /// Reads an answer in JSON.
    pub(super) fn read(answer: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(answer).map_err(|_| Refusal::Damaged)
    }

    /// The first track that is a film: not a cover, a thumbnail or a still, which are tracks of video for ffmpeg.
    pub(super) fn film(&self) -> Result<&Track, Refusal> {
        self.streams.iter().find(|track| track.is_film()).ok_or(Refusal::NoVideo)
    }

    /// Codecs of the tracks of sound.
    fn sounds(&self) -> Vec<&str> {
        let sounds = self.streams.iter().filter(|track| track.codec_type == "audio");
        sounds.map(|track| track.codec_name.as_str()).collect()
    }

    /// Milliseconds.
    pub(super) fn duration(&self) -> u64 {
        let text = self.format.as_ref().and_then(|format| format.duration.as_deref()).unwrap_or_default();
        let seconds: f64 = text.parse().unwrap_or_default();
        let time = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Track {
    fn is_film(&self) -> bool {
        let Disposition { attached_pic, timed_thumbnails, still_image } = self.disposition;
        let is_still = attached_pic + timed_thumbnails + still_image > 0
            || PICTURES.contains(&self.codec_name.as_str()) && self.declared() == Some(1);
        self.codec_type == "video" && !is_still && self.shown().is_some()
    }

    /// Frames that the container says there are, where it says so.
    pub(super) fn declared(&self) -> Option<u64> {
        self.nb_frames.as_deref()?.parse().ok()
    }

    /// The size as it is shown: a phone that was held upright says so beside the picture.
    pub(super) fn shown(&self) -> Option<(u32, u32)> {
        let size = self.width.zip(self.height).filter(|(width, height)| *width > 0 && *height > 0)?;
        let lies = (self.rotation() / 90.0).round().rem_euclid(2.0) >= 1.0;
        Some(if lies { (size.1, size.0) } else { size })
    }

    fn rotation(&self) -> f64 {
        self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or_default().rem_euclid(360.0)
    }

    /// Width of a pixel by its height; 1 where nothing is said.
    fn pixel_shape(&self) -> f64 {
        let ratio = self.sample_aspect_ratio.as_deref().and_then(|text| text.split_once(':'));
        let ratio = ratio.and_then(|(width, height)| width.parse::<f64>().ok().zip(height.parse::<f64>().ok()));
        ratio.filter(|(width, height)| *width > 0.0 && *height > 0.0).map_or(1.0, |(width, height)| width / height)
    }
}

/// The frames of a track.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Frames {
    /// All that are stored.
    pub(super) stored: u64,
    /// From the first one on that can be decoded by itself: those before it are never shown, and ffmpeg leaves them out.
    shown: u64,
    /// Milliseconds from the first one to the beginning of the last one. How long that is shown not every container says.
    span: f64,
}

impl Frames {
    /// Reads lines of [`FRAME_ENTRIES`].
    pub(super) fn read(answer: &[u8]) -> Self {
        let (mut frames, mut first, mut last) = (Self::default(), f64::INFINITY, f64::NEG_INFINITY);
        for line in String::from_utf8_lossy(answer).lines() {
            // Some versions end lines with a comma.
            let mut fields = line.split(',');
            let (Some(time), Some(flags)) = (fields.next(), fields.next()) else { continue };
            frames.stored += 1;
            if frames.shown == 0 && !flags.starts_with('K') {
                continue;
            }
            frames.shown += 1;
            if let Ok(time) = time.parse::<f64>() {
                (first, last) = (first.min(time * 1000.0), last.max(time * 1000.0));
            }
        }
        frames.span = (last - first).max(0.0);
        frames
    }
}

/// A file and its film, measured.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) probed: Probed,
    pub(super) film: Track,
    pub(super) frames: Frames,
}

impl Measured {
    /// In what the other differs from this one, said so that a person understands; `None` if it is the same film.
    pub(super) fn difference(&self, made: &Self) -> Option<String> {
        let (before, after) = (&self.film, &made.film);
        if before.codec_name != after.codec_name {
            return Some(format!("it is coded as {} instead of {}", after.codec_name, before.codec_name));
        }
        if before.shown() != after.shown() || (before.rotation() - after.rotation()).abs() > 1.0 {
            let [before, after] = [before, after].map(|track| {
                let (width, height) = track.shown().unwrap_or_default();
                format!("{width} x {height} turned by {} degrees", track.rotation().round())
            });
            return Some(format!("it is {after} instead of {before}"));
        }
        let (shape, is) = (before.pixel_shape(), after.pixel_shape());
        if (shape - is).abs() > shape * PIXEL_SHAPE {
            return Some(format!("its pixels are {is:.2} times as wide as high instead of {shape:.2} times"));
        }
        if self.frames.shown != made.frames.shown {
            return Some(format!("it has {} frames instead of {}", made.frames.shown, self.frames.shown));
        }
        if (self.frames.span - made.frames.span).abs() > ROUNDING {
            return Some(format!("it lasts {:.0} ms instead of {:.0} ms", made.frames.span, self.frames.span));
        }
        let (sounds, are) = (self.probed.sounds(), made.probed.sounds());
        if sounds != are {
            return Some(format!("its sound is [{}] instead of [{}]", are.join(", "), sounds.join(", ")));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(streams: &str) -> Probed {
        Probed::read(format!(r#"{{"streams":[{streams}],"format":{{"duration":"2.5"}}}}"#).as_bytes()).unwrap()
    }

    const COVER: &str = r#"{"index":0,"codec_type":"video","codec_name":"mjpeg","width":600,"height":600,"disposition":{"attached_pic":1}}"#;
    const SOUND: &str = r#"{"index":1,"codec_type":"audio","codec_name":"aac"}"#;
    const FILM: &str = r#"{"index":2,"codec_type":"video","codec_name":"h264","width":320,"height":240,"nb_frames":"50","sample_aspect_ratio":"1:1","disposition":{"attached_pic":0}}"#;

    fn index(streams: &[&str]) -> Option<u32> {
        probed(&streams.join(",")).film().ok().map(|track| track.index)
    }

    #[test]
    fn the_film_is_the_first_track_that_is_one() {
        assert_eq!(index(&[COVER, SOUND, FILM]), Some(2));
        assert_eq!(index(&[FILM, COVER]), Some(2));
        assert_eq!(index(&[COVER, SOUND]), None);
        assert_eq!(index(&[SOUND]), None);
        let plain = COVER.replace(r#","disposition":{"attached_pic":1}"#, "");
        for (more, found) in [(r#","nb_frames":"1""#, 2), (r#","nb_frames":"9""#, 0), ("", 0)] {
            let track = plain.replace(r#","width""#, &format!(r#"{more},"width""#));
            assert_eq!(index(&[&track, FILM]), Some(found), "{track}");
        }
        for disposition in ["timed_thumbnails", "still_image"] {
            assert_eq!(index(&[&COVER.replace("attached_pic", disposition), FILM]), Some(2));
        }
        assert_eq!(index(&[&FILM.replace("320", "0").replace(":2", ":7"), FILM]), Some(2), "without a size");
    }

    fn measured(streams: &str, frames: &str) -> Measured {
        let probed = probed(streams);
        let film = probed.film().unwrap().clone();
        Measured { probed, film, frames: Frames::read(frames.as_bytes()) }
    }

    #[test]
    fn every_difference_is_named() {
        let both = format!("{FILM},{SOUND}");
        let frames = "0.000000,K_\n0.040000,__\n0.080000,__\n";
        let came = measured(&both, frames);
        let difference = |streams: &str, frames: &str| came.difference(&measured(streams, frames)).unwrap_or_default();
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
            (FILM.to_owned(), frames, "its sound is [] instead of [aac]"),
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
        assert_eq!(measured(&turned("-90"), frames).film.shown(), Some((240, 320)));
    }

    #[test]
    fn frames_before_the_first_whole_one_are_not_shown() {
        let frames = Frames::read(b"0.000000,__\n0.040000,__\n0.080000,K_\nN/A,__\n0.120000,_D\n");
        assert_eq!((frames.stored, frames.shown), (5, 3));
        assert!((frames.span - 40.0).abs() < 0.001, "{frames:?}");
        assert_eq!(Frames::read(b""), Frames::default());
    }
}
