//! Videos: put into a new container by ffmpeg, track by track and not re-encoded, without what was said of place, time and
//! device, and with the index at the front; a picture taken for the poster. What was made is compared with what came, since
//! ffmpeg may leave out much and say that all is well. ffmpeg runs as a process with limits of the kernel's, and may read and
//! write two files only as far as its own whitelist of protocols goes.

mod ending;
mod tracks;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use self::tracks::{ENTRIES, FRAME_ENTRIES, Frames, Measured, Probed};
use crate::image::Refusal;
use crate::kind::Kind;
use crate::sandbox::{BROKEN_DOWN, CONFINED, Error};

/// Bytes of what ffprobe says, and of a poster.
const MAX_ANSWER: u64 = 64 << 20;
/// Bytes of what went wrong that are looked at.
const MAX_COMPLAINT: u64 = 64 << 10;
/// SIGXFSZ.
const TOO_LONG_A_FILE: i32 = 25;

/// ffmpeg, as it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ffmpeg {
    /// This program, which sets the limits and becomes ffmpeg.
    pub launcher: PathBuf,
    /// ffmpeg.
    pub ffmpeg: PathBuf,
    /// ffprobe.
    pub ffprobe: PathBuf,
    /// Bytes of address space.
    pub memory: u64,
    /// Of each call.
    pub time: Duration,
    /// A folder for copies while they are worked on.
    pub folder: PathBuf,
}

/// A video that was made anew. Its files go with it.
#[derive(Debug)]
pub struct Remuxed {
    folder: TempDir,
    /// The type.
    pub kind: Kind,
    /// Pixels, as it is shown.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Milliseconds.
    pub duration: u64,
    /// Bytes.
    pub size: u64,
    /// A JPEG of an early moment.
    pub poster: Vec<u8>,
}

impl Remuxed {
    /// The bytes.
    pub async fn read(&self) -> std::io::Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static> {
        let file = tokio::fs::File::open(self.folder.path().join(MADE)).await?;
        Ok(futures::stream::try_unfold(file, |mut file| async move {
            let mut bytes = bytes::BytesMut::with_capacity(1 << 20);
            let read = file.read_buf(&mut bytes).await?;
            Ok((read > 0).then(|| (bytes.freeze(), file)))
        }))
    }
}

/// What folders of copies are called, before their process's number and its beginning.
const FOLDER: &str = "video-";
const CAME: &str = "came";
const MADE: &str = "made";

/// When a process began, in ticks since the machine did; `None` if there is none of that number. See `proc_pid_stat(5)`.
fn start_of(process: &str) -> Option<String> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process).join("stat")).ok()?;
    // The second field is the program's name in brackets, and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19).map(str::to_owned)
}

impl Ffmpeg {
    /// Whether both programs are there: what they say of themselves.
    pub async fn probe(&self) -> Result<(), Error> {
        for program in [&self.ffmpeg, &self.ffprobe] {
            self.run(program, &["-version".into()], 0).await?;
        }
        Ok(())
    }

    /// Removes copies that a process left which was ended half-way.
    pub async fn clear_up(&self) -> std::io::Result<()> {
        let mut entries = match tokio::fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let process = name.strip_prefix(FOLDER).and_then(|rest| rest.split('-').next());
            let ended = process.is_some_and(|process| {
                let (number, began) = process.split_once('.').unwrap_or((process, ""));
                // In a container every process has the number that the one before had, but not its beginning.
                number.bytes().all(|byte| byte.is_ascii_digit()) && start_of(number).as_deref() != Some(began)
            });
            if ended {
                tokio::fs::remove_dir_all(entry.path()).await?;
            }
        }
        Ok(())
    }

    /// Makes a video anew. It is copied to a file first, since its index may be at its end.
    pub async fn remux<S>(&self, kind: Kind, size: u64, video: S) -> Result<Remuxed, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let failed = |error: std::io::Error| Error::Failed(format!("{}: {error}", self.folder.display()));
        tokio::fs::create_dir_all(&self.folder).await.map_err(failed)?;
        let number = std::process::id().to_string();
        let prefix = format!("{FOLDER}{number}.{}-", start_of(&number).unwrap_or_default());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(&self.folder).map_err(failed)?;
        let (came, made) = (folder.path().join(CAME), folder.path().join(MADE));
        copy(video, &came).await?;
        let wanted = self.measure_whole(kind, &came).await?;
        // A new container may be a little longer than the one that came.
        let most = size.saturating_add(size / 8).saturating_add(16 << 20);
        self.run(&self.ffmpeg, &remuxing(kind, &came, wanted.film.index, &made), most).await?;
        let measured = self.measure(kind, &made).await.map_err(|error| match error {
            // What came could be measured: that is our failure, and no reason to delete it.
            Error::Refused(refusal) => {
                Error::Unconfirmed(format!("what was made of the video differs from it: {refusal}"))
            }
            other => other,
        })?;
        if let Some(difference) = wanted.difference(&measured) {
            return Err(Error::Unconfirmed(format!("what was made of the video differs from it: {difference}")));
        }
        let (width, height) = measured.film.shown().ok_or(Error::Refused(Refusal::NoVideo))?;
        let duration = measured.probed.duration();
        let mut picture = self.run(&self.ffmpeg, &poster(kind, &made, (duration / 2).min(1000)), 0).await?;
        if picture.is_empty() {
            // The sound may be much longer than the pictures.
            picture = self.run(&self.ffmpeg, &poster(kind, &made, 0), 0).await?;
        }
        if picture.is_empty() {
            return Err(Error::Refused(Refusal::NoVideo));
        }
        let size = tokio::fs::metadata(&made).await.map_err(failed)?.len();
        Ok(Remuxed { folder, kind, width, height, duration, size, poster: picture })
    }

    /// The film of a file that came, which must be as whole as the file says.
    async fn measure_whole(&self, kind: Kind, came: &Path) -> Result<Measured, Error> {
        let path = came.to_owned();
        let is_cut = tokio::task::spawn_blocking(move || ending::is_cut(kind, &path)).await;
        match is_cut {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => return Err(Error::Refused(Refusal::Cut)),
            Ok(Err(error)) => return Err(Error::Failed(format!("a copy of a video can't be read: {error}"))),
            Err(error) => return Err(Error::Failed(error.to_string())),
        }
        let measured = self.measure(kind, came).await?;
        let declared = measured.film.declared().unwrap_or_default();
        // Some writers count one frame more than there is.
        if measured.frames.stored + 1 < declared {
            // What an edit list leaves out is there all the same.
            let there = self.frames(kind, came, measured.film.index, true).await?.stored;
            if there + 1 < declared {
                let reason = format!("the video seems to be incomplete: {there} of its {declared} frames can be read");
                return Err(Error::Unconfirmed(reason));
            }
        }
        Ok(measured)
    }

    /// The film of a file. One without a frame is none.
    async fn measure(&self, kind: Kind, file: &Path) -> Result<Measured, Error> {
        let answer = self.run(&self.ffprobe, &probing(kind, file), 0).await?;
        let probed = Probed::read(&answer).map_err(Error::Refused)?;
        let film = probed.film().map_err(Error::Refused)?.clone();
        let frames = self.frames(kind, file, film.index, false).await?;
        if frames.stored == 0 {
            return Err(Error::Refused(Refusal::NoVideo));
        }
        Ok(Measured { probed, film, frames })
    }

    async fn frames(&self, kind: Kind, file: &Path, track: u32, all: bool) -> Result<Frames, Error> {
        let answer = self.run(&self.ffprobe, &counting(kind, file, track, all), 0).await?;
        if answer.len() as u64 >= MAX_ANSWER {
            // Millions of frames in one file, of which the last ones were not counted.
            return Err(Error::Refused(Refusal::TooCostly));
        }
        Ok(Frames::read(&answer))
    }

    /// Runs a program to its end; what it writes to its output comes back.
    async fn run(&self, program: &Path, arguments: &[OsString], max_file: u64) -> Result<Vec<u8>, Error> {
        let limits = [self.memory, self.time.as_secs().max(1), max_file].map(|limit| limit.to_string());
        let mut child = Command::new(&self.launcher)
            .arg(CONFINED)
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
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        let running = async {
            if let Some((output, errors)) = pipes.as_mut() {
                tokio::try_join!(keep(output, MAX_ANSWER, &mut answer), keep(errors, MAX_COMPLAINT, &mut complaint))?;
            }
            child.wait().await
        };
        let status = match tokio::time::timeout(self.time * 2, running).await {
            Ok(status) => status.map_err(|error| Error::Failed(error.to_string()))?,
            // The processor's time is the kernel's to watch; what takes longer than that waits for something of ours.
            Err(_) => return Err(Error::Failed(format!("{} hangs", program.display()))),
        };
        if status.success() { Ok(answer) } else { Err(judged(status, program, &complaint)) }
    }
}

/// Reads to the end, and keeps so much of it: whoever is not read from stops.
async fn keep(from: &mut (impl AsyncRead + Unpin), most: u64, kept: &mut Vec<u8>) -> std::io::Result<()> {
    from.take(most).read_to_end(kept).await?;
    tokio::io::copy(from, &mut tokio::io::sink()).await.map(drop)
}

/// Whose fault it was.
fn judged(status: ExitStatus, program: &Path, complaint: &[u8]) -> Error {
    use std::os::unix::process::ExitStatusExt as _;
    let complaint = String::from_utf8_lossy(complaint);
    tracing::info!(%status, complaint = complaint.chars().take(400).collect::<String>(), "a video was not made anew");
    let ours = ["No space left on device", "Permission denied", "Input/output error"];
    match status.signal() {
        Some(signal) if BROKEN_DOWN.contains(&signal) || signal == TOO_LONG_A_FILE => {
            Error::Refused(Refusal::TooCostly)
        }
        Some(_) => Error::Failed(format!("{} was ended: {status}", program.display())),
        // The launcher has nothing to say when there is no such program.
        None if complaint.is_empty() => Error::Failed(format!("{} can't be run", program.display())),
        None if ours.iter().any(|ours| complaint.contains(ours)) => {
            Error::Failed(format!("{}: the disk", program.display()))
        }
        None => Error::Refused(Refusal::Damaged),
    }
}

async fn copy<S>(video: S, to: &Path) -> Result<(), Error>
where
    S: Stream<Item = std::io::Result<Bytes>> + Send,
{
    let failed = |error: std::io::Error| Error::Failed(format!("a video can't be copied: {error}"));
    let mut file = tokio::fs::File::create_new(to).await.map_err(failed)?;
    let mut video = std::pin::pin!(video);
    while let Some(bytes) = video.try_next().await.map_err(Error::Source)? {
        file.write_all(&bytes).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

/// The name of the demuxer is given, so that no other one is tried on what looks like something else.
fn input(kind: Kind, from: &Path) -> Vec<OsString> {
    let demuxer = if kind == Kind::Webm { "matroska" } else { "mov" };
    let mut words: Vec<OsString> = ["-protocol_whitelist", "file,pipe", "-f", demuxer].map(Into::into).into();
    if kind != Kind::Webm {
        // A file may name others as the places of its tracks.
        words.extend(["-enable_drefs", "0", "-use_absolute_path", "0"].map(Into::into));
    }
    words.push("-i".into());
    words.push(from.into());
    words
}

fn remuxing(kind: Kind, from: &Path, film: u32, to: &Path) -> Vec<OsString> {
    let muxer = match kind {
        Kind::Webm => "webm",
        Kind::Quicktime => "mov",
        _ => "mp4",
    };
    let mut words: Vec<OsString> = ["-nostdin", "-v", "error", "-xerror"].map(Into::into).into();
    words.extend(input(kind, from));
    words.extend(["-map".into(), format!("0:{film}").into()]);
    let tracks = ["-map", "0:a?", "-c", "copy", "-dn", "-sn"];
    let bare = ["-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1"];
    let plain = ["-fflags", "+bitexact", "-flags", "+bitexact", "-movflags", "+faststart", "-f", muxer];
    words.extend(tracks.into_iter().chain(bare).chain(plain).map(Into::into));
    words.push(to.into());
    words
}

fn probing(kind: Kind, from: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["-v", "error", "-show_entries", ENTRIES, "-of", "json"].map(Into::into).into();
    words.extend(input(kind, from));
    words
}

/// All frames of a track, also those that an edit list leaves out where that is asked for.
fn counting(kind: Kind, from: &Path, track: u32, all: bool) -> Vec<OsString> {
    let track = track.to_string();
    let what = ["-v", "error", "-select_streams", &track, "-show_packets", "-show_entries", FRAME_ENTRIES];
    let mut words: Vec<OsString> = what.into_iter().chain(["-of", "csv=p=0"]).map(Into::into).collect();
    if all && kind != Kind::Webm {
        words.extend(["-ignore_editlist", "1"].map(Into::into));
    }
    words.extend(input(kind, from));
    words
}

/// The picture at so many milliseconds.
fn poster(kind: Kind, from: &Path, at: u64) -> Vec<OsString> {
    let at = format!("{at}ms");
    let mut words: Vec<OsString> = ["-nostdin", "-v", "error", "-threads", "1"].map(Into::into).into();
    words.extend(["-ss".into(), at.into()]);
    words.extend(input(kind, from));
    let out = ["-map", "0:v:0", "-frames:v", "1", "-q:v", "3", "-pix_fmt", "yuvj420p", "-threads", "1"];
    let out = out.into_iter().chain(["-map_metadata", "-1", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"]);
    words.extend(out.map(Into::into));
    words
}
