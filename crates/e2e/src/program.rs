//! wazapp as its users have it: a program with a data directory of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a start, a stop or a repair may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, which the build puts beside the tests.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("WAZAPP_TEST_BINARY") {
        return named.into();
    }
    let tests = std::env::current_exe().expect("a test has a path");
    let path = tests
        .parent()
        .and_then(Path::parent)
        .expect("tests are built into TARGET/PROFILE/deps")
        .join("wazapp");
    assert!(
        path.is_file(),
        "{} is missing: build it with cargo build -p wazapp, or run the tests with make test",
        path.display()
    );
    path
}

/// A data directory and the settings to run wazapp on it.
#[derive(Debug)]
pub struct Installation {
    data_dir: TempDir,
    settings: Vec<(String, String)>,
}

impl Installation {
    /// An empty data directory.
    pub fn new() -> Self {
        // A short path: a socket's name has room for a hundred bytes.
        let data_dir = tempfile::Builder::new()
            .prefix("wazapp-")
            .tempdir()
            .expect("a temporary directory");
        Self {
            data_dir,
            settings: Vec::new(),
        }
    }

    /// Adds an environment variable to every run.
    #[must_use]
    pub fn setting(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// `DATA_DIR`.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// A run of the program, not started yet; it sees no settings but these.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WAZAPP_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("WAZAPP_DATA_DIR", self.data_dir.path())
            .env("WAZAPP_LISTEN", "127.0.0.1:0")
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("wazapp runs")
    }

    /// Runs a command that must succeed, with `--json`, and answers what it printed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut with_json = arguments.to_vec();
        with_json.push("--json");
        let output = self.run(&with_json);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{arguments:?} prints no JSON ({error}): {}",
                String::from_utf8_lossy(&output.stdout)
            )
        })
    }

    /// Starts the server and waits until it is ready.
    pub fn serve(&self) -> Server {
        let mut child = self
            .command(&["serve"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wazapp starts");
        let log = Arc::new(Mutex::new(String::new()));
        let lines = BufReader::new(child.stderr.take().expect("a pipe"));
        let gathered = log.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = gathered.lock().expect("nobody panics with the log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut server = Server {
            child,
            log,
            url: String::new(),
            data_dir: self.data_dir.path().to_owned(),
        };
        server.url = server.wait_for("the server to be ready", Server::announced);
        server
    }
}

impl Default for Installation {
    fn default() -> Self {
        Self::new()
    }
}

/// `wazapp serve` at work; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    url: String,
    data_dir: PathBuf,
}

impl Server {
    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .expect("nobody panics with the log")
            .clone()
    }

    /// The address in `DATA_DIR/wazapp.json`, if this server wrote it.
    fn announced(&mut self) -> Option<String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("wazapp serve ended ({status}): {}", self.log());
        }
        let text = std::fs::read_to_string(self.data_dir.join("wazapp.json")).ok()?;
        let said: Value = serde_json::from_str(&text).ok()?;
        let ours = said["pid"].as_u64() == Some(u64::from(self.child.id()));
        ours.then(|| format!("http://{}", said["listen"].as_str().unwrap_or_default()))
    }

    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "waited {PATIENCE:?} for {what}: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process id of its private PostgreSQL, if that runs.
    pub fn postgres(&self) -> Option<i32> {
        let text = std::fs::read_to_string(self.data_dir.join("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// kill -9 of the server.
    pub fn kill(mut self) {
        self.child.kill().expect("a process of ours");
        self.child.wait().expect("a process of ours");
    }

    /// kill -9 of its PostgreSQL.
    pub fn kill_postgres(&self) {
        let pid = self.postgres().and_then(Pid::from_raw);
        kill_process(pid.expect("PostgreSQL runs"), Signal::KILL).expect("it can be killed");
    }

    /// Asks the server to end, and answers how it did and after how long.
    pub fn terminate(mut self) -> (ExitStatus, Duration, String) {
        let pid = Pid::from_child(&self.child);
        let started = Instant::now();
        kill_process(pid, Signal::TERM).expect("a process of ours");
        let status = self.wait_for("the server to end", |server| {
            server.child.try_wait().ok().flatten()
        });
        (status, started.elapsed(), self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
