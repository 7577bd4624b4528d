//! Remuxes videos with ffmpeg: copies the tracks to a new container, drops metadata such as
//! location, time and device, moves the index to the front, and extracts a poster. Only sound is
//! encoded again, where the container does not hold its codec; see `codecs`.
//! The output is compared with the input, because ffmpeg can drop content and still report success.
//! ffmpeg runs with kernel limits on memory and CPU time; its access to files is restricted only by
//! its protocol whitelist. See `tracks` for the comparison and `truncation` for incomplete files.

mod codecs;
mod tracks;
mod truncation;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use self::codecs::Plan;
use self::tracks::{ENTRIES, FRAME_ENTRIES, Frames, Measured, Probed};
use crate::image::Refusal;
use crate::kind::Kind;
use crate::sandbox::{CRASH_SIGNALS, EXEC_ARGUMENT, Error};

/// The largest standard output that is kept (ffprobe's report or a poster), in bytes.
const MAX_STDOUT: u64 = 64 << 20;
/// The largest standard error that is kept, in bytes.
const MAX_STDERR: u64 = 64 << 10;
/// What ffmpeg reports if it lacks an encoder or an option, instead of an error of the video.
const MISSING_FEATURES: [&str; 4] =
    ["Unknown encoder", "Unrecognized option", "Option not found", "Automatic encoder selection failed"];
/// The number of SIGXFSZ, sent when a file exceeds its limit.
const SIGXFSZ: i32 = 25;

/// The configuration of ffmpeg processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ffmpeg {
    /// The path of this program, which sets the limits and executes ffmpeg.
    pub launcher: PathBuf,
    /// The path of ffmpeg.
    pub ffmpeg: PathBuf,
    /// The path of ffprobe.
    pub ffprobe: PathBuf,
    /// The limit of the address space, in bytes.
    pub memory: u64,
    /// The limit of CPU time of each call. Twice as much elapsed time is allowed.
    pub time: Duration,
    /// The folder for temporary copies.
    pub folder: PathBuf,
}

/// A remuxed video. Dropping it removes its files.
#[derive(Debug)]
pub struct Remuxed {
    folder: TempDir,
    /// The media type; another one than the input's if its container did not hold the video.
    pub kind: Kind,
    /// The display width in pixels.
    pub width: u32,
    /// The display height in pixels.
    pub height: u32,
    /// The duration in milliseconds.
    pub duration: u64,
    /// The size of the file in bytes.
    pub size: u64,
    /// The poster: a JPEG of a frame from the first second.
    pub poster: Vec<u8>,
}

impl Remuxed {
    /// Returns the bytes of the file.
    pub async fn read(&self) -> std::io::Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static> {
        let file = tokio::fs::File::open(self.folder.path().join(OUTPUT_NAME)).await?;
        Ok(futures::stream::try_unfold(file, |mut file| async move {
            let mut bytes = bytes::BytesMut::with_capacity(1 << 20);
            let read = file.read_buf(&mut bytes).await?;
            Ok((read > 0).then(|| (bytes.freeze(), file)))
        }))
    }
}

/// The prefix of temporary folders. The process id and its start time follow.
const FOLDER_PREFIX: &str = "video-";
/// The file name of the input.
const INPUT_NAME: &str = "came";
/// The file name of the output.
const OUTPUT_NAME: &str = "made";

/// Returns the start time of a process, in clock ticks after the system start (`proc_pid_stat(5)`).
/// Returns `None` if there is no such process.
fn process_start_time(process: &str) -> Option<String> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process).join("stat")).ok()?;
    // The second field is the program's name in parentheses and can contain any character.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19).map(str::to_owned)
}

impl Ffmpeg {
    /// Checks that ffmpeg and ffprobe can be started.
    pub async fn probe(&self) -> Result<(), Error> {
        for program in [&self.ffmpeg, &self.ffprobe] {
            self.run(program, &["-version".into()], 0).await?;
        }
        Ok(())
    }

    /// Removes the temporary folders of processes that no longer run.
    pub async fn clear_up(&self) -> std::io::Result<()> {
        let mut entries = match tokio::fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let process = name.strip_prefix(FOLDER_PREFIX).and_then(|rest| rest.split('-').next());
            let ended = process.is_some_and(|process| {
                let (id, start) = process.split_once('.').unwrap_or((process, ""));
                // In a container a restarted server has the same process id, but another start
                // time.
                id.bytes().all(|byte| byte.is_ascii_digit()) && process_start_time(id).as_deref() != Some(start)
            });
            if ended {
                tokio::fs::remove_dir_all(entry.path()).await?;
            }
        }
        Ok(())
    }

    /// Remuxes a video. Copies it to a temporary file first, because its index can be at the end.
    pub async fn remux<S>(&self, kind: Kind, size: u64, video: S) -> Result<Remuxed, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let failed = |error: std::io::Error| Error::Failed(format!("{}: {error}", self.folder.display()));
        tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).await.map_err(failed)?;
        let id = std::process::id().to_string();
        let prefix = format!("{FOLDER_PREFIX}{id}.{}-", process_start_time(&id).unwrap_or_default());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(&self.folder).map_err(failed)?;
        let (input, output) = (folder.path().join(INPUT_NAME), folder.path().join(OUTPUT_NAME));
        write_file(video, &input).await?;
        let expected = self.measure_complete(kind, &input).await?;
        let plan = Plan::new(kind, &expected.probed, &expected.video).map_err(Error::Refused)?;
        // The new container can be slightly larger than the original, and so can new sound.
        let sound = plan.max_encoded_size(expected.probed.duration());
        let max_size = size.saturating_add(size / 8).saturating_add(16 << 20).saturating_add(sound);
        self.write_output(kind, &plan, &input, &output, max_size).await.map_err(|error| match error {
            Error::Refused(Refusal::Unsupported(_)) => {
                Error::Refused(codecs::unsupported(&expected.video.codec_name, plan.kind))
            }
            other => other,
        })?;
        let kind = plan.kind;
        let measured = self.measure(kind, &output).await.map_err(|error| match error {
            // The original could be measured, so the failure is ours and the original must be kept.
            Error::Refused(refusal) => {
                Error::Unconfirmed(format!("the processed video differs from the original: {refusal}"))
            }
            other => other,
        })?;
        if let Some(difference) = expected.difference(&measured, &plan.audio_codecs()) {
            return Err(Error::Unconfirmed(format!("the processed video differs from the original: {difference}")));
        }
        let (width, height) = measured.video.display_size().ok_or(Error::Refused(Refusal::NoVideo))?;
        let duration = measured.probed.duration();
        let middle = (duration / 2).min(1000);
        let mut poster = self.run(&self.ffmpeg, &poster_arguments(kind, &output, middle, (width, height)), 0).await?;
        if poster.is_empty() {
            // The audio can be much longer than the video.
            poster = self.run(&self.ffmpeg, &poster_arguments(kind, &output, 0, (width, height)), 0).await?;
        }
        if poster.is_empty() {
            return Err(Error::Refused(Refusal::NoVideo));
        }
        let size = tokio::fs::metadata(&output).await.map_err(failed)?.len();
        Ok(Remuxed { folder, kind, width, height, duration, size, poster })
    }

    /// Writes the output file. If ffmpeg reports an error, which can be an unusual order of
    /// timestamps, ffmpeg may correct it once all frames were decoded without an error.
    async fn write_output(
        &self,
        kind: Kind,
        plan: &Plan,
        input: &Path,
        output: &Path,
        max_size: u64,
    ) -> Result<(), Error> {
        match self.run(&self.ffmpeg, &remux_arguments(kind, plan, input, output, true), max_size).await {
            Err(Error::Refused(Refusal::Damaged)) => {}
            other => return other.map(drop),
        }
        self.run(&self.ffmpeg, &decode_arguments(kind, plan, input), 0).await?;
        tracing::info!("a video is remuxed with corrected timestamps");
        self.run(&self.ffmpeg, &remux_arguments(kind, plan, input, output, false), max_size).await.map(drop)
    }

    /// Measures the video of an input file. Fails if the file is truncated or holds fewer frames
    /// than it declares.
    async fn measure_complete(&self, kind: Kind, input: &Path) -> Result<Measured, Error> {
        let path = input.to_owned();
        let is_truncated = tokio::task::spawn_blocking(move || truncation::is_truncated(kind, &path)).await;
        match is_truncated {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => return Err(Error::Refused(Refusal::Cut)),
            Ok(Err(error)) => {
                return Err(Error::Failed(format!("the temporary copy of a video can't be read: {error}")));
            }
            Err(error) => return Err(Error::Failed(error.to_string())),
        }
        let measured = self.measure(kind, input).await?;
        let declared = measured.video.declared_frames().unwrap_or_default();
        // Some writers declare one frame too many.
        if measured.frames.stored + 1 < declared {
            // Count the frames that an edit list leaves out, too.
            let stored = self.frames(kind, input, measured.video.index, true).await?.stored;
            if stored + 1 < declared {
                let reason = format!("the video seems to be incomplete: {stored} of its {declared} frames can be read");
                return Err(Error::Unconfirmed(reason));
            }
        }
        Ok(measured)
    }

    /// Measures the video track of a file. Fails with [`Refusal::NoVideo`] if it has no frame.
    async fn measure(&self, kind: Kind, file: &Path) -> Result<Measured, Error> {
        let report = self.run(&self.ffprobe, &probe_arguments(kind, file), 0).await?;
        let probed = Probed::parse(&report).map_err(Error::Refused)?;
        let video = probed.main_video().map_err(Error::Refused)?.clone();
        let frames = self.frames(kind, file, video.index, false).await?;
        if frames.stored == 0 {
            return Err(Error::Refused(Refusal::NoVideo));
        }
        Ok(Measured { probed, video, frames })
    }

    /// Counts the frames of a track; with `all`, also those that an edit list leaves out.
    async fn frames(&self, kind: Kind, file: &Path, track: u32, all: bool) -> Result<Frames, Error> {
        let report = self.run(&self.ffprobe, &frame_arguments(kind, file, track, all), 0).await?;
        if report.len() as u64 >= MAX_STDOUT {
            // The file has millions of frames, and the report was cut off.
            return Err(Error::Refused(Refusal::TooCostly));
        }
        Ok(Frames::parse(&report))
    }

    /// Runs a program to its end and returns its standard output. `max_file` limits the size of
    /// files that it writes.
    async fn run(&self, program: &Path, arguments: &[OsString], max_file: u64) -> Result<Vec<u8>, Error> {
        let limits = [self.memory, self.time.as_secs().max(1), max_file].map(|limit| limit.to_string());
        let mut child = Command::new(&self.launcher)
            .arg(EXEC_ARGUMENT)
            .args(limits)
            .arg(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::Failed(format!("{} can't be started: {error}", program.display())))?;
        let mut pipes = child.stdout.take().zip(child.stderr.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let running = async {
            if let Some((output, errors)) = pipes.as_mut() {
                tokio::try_join!(
                    read_limited(output, MAX_STDOUT, &mut stdout),
                    read_limited(errors, MAX_STDERR, &mut stderr)
                )?;
            }
            child.wait().await
        };
        let status = match tokio::time::timeout(self.time * 2, running).await {
            Ok(status) => status.map_err(|error| Error::Failed(error.to_string()))?,
            // The kernel limits the CPU time, so the program is waiting.
            Err(_) => {
                let limit = (self.time * 2).as_secs();
                return Err(Error::Failed(format!("{} hangs: it did not finish within {limit} s", program.display())));
            }
        };
        if status.success() { Ok(stdout) } else { Err(exit_error(status, program, &stderr)) }
    }
}

/// Reads to the end and keeps up to `limit` bytes. Reading everything prevents the program from
/// blocking on a full pipe.
async fn read_limited(from: &mut (impl AsyncRead + Unpin), limit: u64, kept: &mut Vec<u8>) -> std::io::Result<()> {
    from.take(limit).read_to_end(kept).await?;
    tokio::io::copy(from, &mut tokio::io::sink()).await.map(drop)
}

/// Returns the error for a failed program: a refusal if the video is the reason.
fn exit_error(status: ExitStatus, program: &Path, stderr: &[u8]) -> Error {
    use std::os::unix::process::ExitStatusExt as _;
    let stderr = String::from_utf8_lossy(stderr);
    tracing::info!(%status, stderr = stderr.chars().take(400).collect::<String>(), "ffmpeg failed on a video");
    let server_errors = ["No space left on device", "Permission denied", "Input/output error"];
    match status.signal() {
        Some(signal) if CRASH_SIGNALS.contains(&signal) || signal == SIGXFSZ => Error::Refused(Refusal::TooCostly),
        Some(_) => Error::Failed(format!("{} was killed: {status}", program.display())),
        // The video is not the reason. The upload must be kept.
        None if MISSING_FEATURES.iter().any(|error| stderr.contains(error)) => {
            let line = stderr.lines().find(|line| MISSING_FEATURES.iter().any(|error| line.contains(error)));
            Error::Failed(format!("{} is too old or lacks an encoder: {}", program.display(), line.unwrap_or_default()))
        }
        // The launcher writes nothing when it can't execute the program.
        None if stderr.is_empty() => Error::Failed(format!("{} can't be executed", program.display())),
        None if server_errors.iter().any(|error| stderr.contains(error)) => {
            Error::Failed(format!("{} can't access the temporary folder", program.display()))
        }
        // The muxer holds no such codec, although `codecs` expected it to.
        None if ["Could not find tag for codec", "not currently supported in container", "are supported for"]
            .iter()
            .any(|error| stderr.contains(error)) =>
        {
            Error::Refused(Refusal::Unsupported("a codec".to_owned()))
        }
        None => Error::Refused(Refusal::Damaged),
    }
}

/// Writes a stream to a new file.
async fn write_file<S>(video: S, to: &Path) -> Result<(), Error>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send,
{
    let failed = |error: std::io::Error| Error::Failed(format!("a video can't be copied: {error}"));
    let mut opening = tokio::fs::OpenOptions::new();
    let mut file = opening.write(true).create_new(true).mode(0o600).open(to).await.map_err(failed)?;
    let mut video = std::pin::pin!(video);
    while let Some(bytes) = video.try_next().await.map_err(Error::Source)? {
        file.write_all(&bytes).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

/// Returns the arguments for an input file. Names the demuxer, so that ffmpeg tries no other one.
fn input_arguments(kind: Kind, from: &Path) -> Vec<OsString> {
    let demuxer = if kind == Kind::Webm { "matroska" } else { "mov" };
    let mut arguments: Vec<OsString> = ["-protocol_whitelist", "file,pipe", "-f", demuxer].map(Into::into).into();
    if kind != Kind::Webm {
        // Ignore references to tracks in other files.
        arguments.extend(["-enable_drefs", "0", "-use_absolute_path", "0"].map(Into::into));
    }
    arguments.push("-i".into());
    arguments.push(from.into());
    arguments
}

/// Returns ffmpeg's arguments for remuxing. `is_strict` makes it stop at the first error.
fn remux_arguments(kind: Kind, plan: &Plan, from: &Path, to: &Path, is_strict: bool) -> Vec<OsString> {
    let muxer = match plan.kind {
        Kind::Webm => "webm",
        Kind::Quicktime => "mov",
        _ => "mp4",
    };
    let mut arguments: Vec<OsString> = ["-nostdin", "-y", "-v", "error"].map(Into::into).into();
    if is_strict {
        arguments.push("-xerror".into());
    }
    arguments.extend(input_arguments(kind, from));
    arguments.extend(plan.arguments().into_iter().map(Into::into));
    let no_metadata = ["-dn", "-sn", "-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1"];
    let format = ["-fflags", "+bitexact", "-flags", "+bitexact", "-movflags", "+faststart", "-f", muxer];
    arguments.extend(no_metadata.into_iter().chain(format).map(Into::into));
    arguments.push(to.into());
    arguments
}

/// Returns ffmpeg's arguments for decoding the tracks of a plan, up to the first error.
fn decode_arguments(kind: Kind, plan: &Plan, from: &Path) -> Vec<OsString> {
    // Each thread of a decoder takes memory of its own.
    let mut arguments: Vec<OsString> = ["-nostdin", "-v", "error", "-xerror", "-threads", "1"].map(Into::into).into();
    arguments.extend(input_arguments(kind, from));
    arguments.extend(plan.maps().into_iter().map(Into::into));
    arguments.extend(["-fps_mode", "passthrough", "-f", "null", "-"].map(Into::into));
    arguments
}

/// Returns ffprobe's arguments for the tracks of a file.
fn probe_arguments(kind: Kind, from: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["-v", "error", "-show_entries", ENTRIES, "-of", "json"].map(Into::into).into();
    arguments.extend(input_arguments(kind, from));
    arguments
}

/// Returns ffprobe's arguments for the frames of a track; with `all`, also those that an edit list
/// leaves out.
fn frame_arguments(kind: Kind, from: &Path, track: u32, all: bool) -> Vec<OsString> {
    let track = track.to_string();
    let what = ["-v", "error", "-select_streams", &track, "-show_packets", "-show_entries", FRAME_ENTRIES];
    let mut arguments: Vec<OsString> = what.into_iter().chain(["-of", "csv=p=0"]).map(Into::into).collect();
    if all && kind != Kind::Webm {
        arguments.extend(["-ignore_editlist", "1"].map(Into::into));
    }
    arguments.extend(input_arguments(kind, from));
    arguments
}

/// Returns ffmpeg's arguments for a JPEG of the frame at `at` milliseconds, in the size in which it
/// is shown.
fn poster_arguments(kind: Kind, from: &Path, at: u64, (width, height): (u32, u32)) -> Vec<OsString> {
    let at = format!("{at}ms");
    let scale = format!("scale={width}:{height},setsar=1");
    let mut arguments: Vec<OsString> = ["-nostdin", "-v", "error", "-threads", "1"].map(Into::into).into();
    arguments.extend(["-ss".into(), at.into()]);
    arguments.extend(input_arguments(kind, from));
    let output =
        ["-map", "0:v:0", "-vf", &scale, "-frames:v", "1", "-q:v", "3", "-pix_fmt", "yuvj420p", "-threads", "1"];
    let output = output.into_iter().chain(["-map_metadata", "-1", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"]);
    arguments.extend(output.map(Into::into));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    /// Only what the video itself causes may reject it, because a rejected upload is deleted.
    #[test]
    fn a_video_is_not_refused_for_what_the_server_lacks() {
        let error = |stderr: &str| exit_error(ExitStatus::from_raw(1 << 8), Path::new("ffmpeg"), stderr.as_bytes());
        for stderr in [
            "Unknown encoder 'libopus'\n",
            "Unrecognized option 'fps_mode'.\nError splitting the argument list: Option not found\n",
            "came: No space left on device\n",
            "",
        ] {
            assert!(matches!(error(stderr), Error::Failed(_)), "{stderr:?}");
        }
        assert!(matches!(error("moov atom not found\n"), Error::Refused(Refusal::Damaged)));
    }
}
