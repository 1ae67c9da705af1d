//! Where pictures are decoded: in a process of its own, with memory and time of its own.
//!
//! Whoever sends a picture chooses what decoding it takes: a file of three kilobytes can want half a gigabyte, and no decoder
//! bounds all that it allocates. So the kernel does. The process is this same program; it has no settings, no files and no
//! connections, reads the picture from its standard input and writes the thumbnail to its standard output.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use model::store::{Reading, StoreError};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use super::picture;

/// The command by which this program is a decoder, and the exit code by which that one says that a picture gets no thumbnail.
pub const COMMAND: &str = "shrink-picture";
const REFUSED: u8 = 3;

/// Decoding takes tens of milliseconds; what takes so long is no photograph.
const LONGEST: Duration = Duration::from_secs(20);

/// No thumbnail is longer.
const LARGEST: u64 = 2 << 20;

/// How pictures are decoded.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// A wazapp.
    pub program: PathBuf,
    /// The memory of its process, in bytes, the picture's own bytes with it.
    pub memory: u64,
}

/// What became of a picture.
#[derive(Debug, PartialEq, Eq)]
pub enum Shrunk {
    /// Its thumbnail.
    Made(Bytes),
    /// It is none, it is broken, or it takes more than there is: another try would end the same. With what the log says.
    Refused(&'static str),
}

/// Why it is not known what becomes of a picture: it is not to blame.
#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    /// The process did not start, or its pipes failed.
    #[error("the process that decodes pictures failed: {0}")]
    Process(#[from] std::io::Error),
    /// Its bytes did not come.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Decoder {
    /// This program, also where its file was replaced since it started.
    pub fn this_program(memory: u64) -> Self {
        let program = match cfg!(target_os = "linux") {
            true => PathBuf::from("/proc/self/exe"),
            false => std::env::current_exe().unwrap_or_else(|_| PathBuf::from("wazapp")),
        };
        Self { program, memory }
    }

    /// Makes a thumbnail of a picture of this many bytes. Dropped half-way, its process ends.
    pub async fn shrink(&self, picture: Reading, size: u64) -> Result<Shrunk, DecoderError> {
        let mut child = self.start(size)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.expect("both were asked for");
        let mut thumbnail = Vec::new();
        let mut stdout = stdout.take(LARGEST);
        let talked = tokio::time::timeout(LONGEST, async {
            tokio::try_join!(hand_over(stdin, picture), async { Ok(stdout.read_to_end(&mut thumbnail).await?) })?;
            Ok::<_, DecoderError>(child.wait().await?)
        });
        let Ok(talked) = talked.await else { return Ok(Shrunk::Refused("it took too long")) };
        Ok(match talked?.code() {
            Some(0) => Shrunk::Made(thumbnail.into()),
            Some(code) if code == i32::from(REFUSED) => Shrunk::Refused("it is no picture that is decoded here"),
            // The end of an allocation that the kernel refused, and of a decoder that broke.
            _ => Shrunk::Refused("it broke its decoder, or takes more memory than there is for one"),
        })
    }

    fn start(&self, size: u64) -> std::io::Result<Child> {
        Command::new(&self.program)
            .args([COMMAND, "--memory", &self.memory.to_string(), "--size", &size.to_string()])
            // A process that reads hostile bytes knows no secrets.
            .env_clear()
            .current_dir(OsStr::new("/"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }
}

/// A process that ended before it read everything says why by its exit code.
async fn hand_over(mut stdin: ChildStdin, mut picture: Reading) -> Result<(), DecoderError> {
    while let Some(piece) = picture.try_next().await? {
        match stdin.write_all(&piece).await {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

/// What the process does: takes its limits, then the picture.
pub fn decode_here(memory: u64, size: u64) -> ExitCode {
    take_limits(memory);
    match shrink(memory, size) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(REFUSED),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Of memory that is written to; of the processor, so that it ends also where nobody waits for it; no core, no file, no other
/// process.
fn take_limits(memory: u64) {
    let most = |most| Rlimit { current: Some(most), maximum: Some(most) };
    for (resource, limit) in [
        (Resource::Data, memory),
        (Resource::Cpu, LONGEST.as_secs()),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 3),
    ] {
        // A lower one is in force already.
        let _ = setrlimit(resource, most(limit));
    }
}

fn shrink(memory: u64, size: u64) -> std::io::Result<bool> {
    let Some(room) = usize::try_from(size).ok().filter(|_| size < memory) else { return Ok(false) };
    let mut bytes = Vec::with_capacity(room);
    std::io::stdin().lock().take(size).read_to_end(&mut bytes)?;
    let Ok(small) = picture::shrink(&bytes, memory - size) else { return Ok(false) };
    std::io::stdout().lock().write_all(&small)?;
    Ok(true)
}
