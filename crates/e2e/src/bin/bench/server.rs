//! wazapp as a user starts it: a process, its environment, its signals.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::source::SECRET;
use crate::{clock, process};

/// How long a start may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to start one.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    /// Its data directory; the log lies beside it.
    pub(crate) directory: PathBuf,
    pub(crate) database_url: String,
    /// What else it is told, by variable; later ones stand.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Setup {
    fn command(&self, arguments: &[&str], listen: &str) -> Result<Command> {
        std::fs::create_dir_all(&self.directory)?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.binary);
        // Nothing of the caller's own configuration reaches it but what a comparison may turn.
        let turned = |name: &str| matches!(name, "PATH" | "HOME" | "WAZAPP_LOG") || name.starts_with("WAZAPP_INBOUND_");
        command.env_clear().env("WAZAPP_LOG", "warn").envs(std::env::vars().filter(|(name, _)| turned(name)));
        command
            .env("WAZAPP_DATA_DIR", &self.directory)
            .env("WAZAPP_DATABASE_URL", &self.database_url)
            .env("WAZAPP_LISTEN", listen)
            .env("WAZAPP_META_APP_SECRET", SECRET)
            .env("WAZAPP_ALLOW_TARGETS", "127.0.0.0/8")
            // Nobody listens there: a measurement never calls Meta.
            .env("WAZAPP_GRAPH_URL", "http://127.0.0.1:9")
            // Every scenario has a data directory of its own on a copy of one database, whose secrets one key sealed.
            .env("WAZAPP_MASTER_KEY", "0f".repeat(32))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Ok(command)
    }

    fn log(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    /// What it said last, for an error.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// `wazapp migrate`.
    pub(crate) fn migrate(&self) -> Result<()> {
        self.run(&["migrate"])
    }

    /// Runs a command of wazapp's to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<()> {
        let status = self.command(arguments, "127.0.0.1:0")?.status();
        let status = status.with_context(|| format!("starting {}", self.binary.display()))?;
        ensure!(status.success(), "wazapp {} failed ({status}):\n{}", arguments[0], self.last_words());
        Ok(())
    }

    /// `wazapp serve`, on a port it picks itself and writes into its data directory.
    pub(crate) async fn serve(&self) -> Result<Server> {
        let announced = self.directory.join("wazapp.json");
        // Of an earlier start.
        let _ = std::fs::remove_file(&announced);
        let mut server = Server::spawn(self, "127.0.0.1:0")?;
        let began = clock::now();
        while began.elapsed() < PATIENCE {
            server.still_runs(self)?;
            if let Some(address) = read_address(&announced)
                && is_ready(address)
            {
                server.address = address;
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("wazapp is not ready after {PATIENCE:?}:\n{}", self.last_words())
    }

    /// The time from starting `wazapp serve` to its first 200 on /readyz. Blocks.
    pub(crate) fn start_to_ready(&self) -> Result<Duration> {
        let address = SocketAddr::from(([127, 0, 0, 1], crate::cluster::free_port()?));
        let began = clock::now();
        let mut server = Server::spawn(self, &address.to_string())?;
        let took = server.wait_ready(self, address, began)?;
        ensure!(server.stop(), "wazapp did not stop on SIGTERM");
        Ok(took)
    }
}

/// A running server. Killed when it is dropped without having been stopped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn spawn(setup: &Setup, listen: &str) -> Result<Self> {
        let child = setup.command(&["serve"], listen)?.spawn();
        let child = child.with_context(|| format!("starting {}", setup.binary.display()))?;
        Ok(Self { child, address: ([127, 0, 0, 1], 0).into() })
    }

    fn wait_ready(&mut self, setup: &Setup, address: SocketAddr, began: Instant) -> Result<Duration> {
        while began.elapsed() < PATIENCE {
            if is_ready(address) {
                return Ok(began.elapsed());
            }
            self.still_runs(setup)?;
            std::thread::sleep(Duration::from_micros(500));
        }
        bail!("wazapp is not ready after {PATIENCE:?}:\n{}", setup.last_words())
    }

    fn still_runs(&mut self, setup: &Setup) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("wazapp serve ended ({status}):\n{}", setup.last_words());
        }
        Ok(())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM; answers whether that was enough.
    pub(crate) fn stop(&mut self) -> bool {
        process::end(&mut self.child, "TERM", Duration::from_secs(30))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            process::end(&mut self.child, "TERM", Duration::from_secs(5));
        }
    }
}

fn read_address(announced: &Path) -> Option<SocketAddr> {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(announced).ok()?).ok()?;
    json.get("listen")?.as_str()?.parse().ok()
}

/// Whether GET /readyz answers 200.
fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: wazapp\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
