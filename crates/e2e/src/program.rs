//! wazapp as its users have it: a program with a data directory of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::meta::{Meta, SimulatedNumber};

/// How long a start, a stop or a repair may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, which the build puts beside the tests.
pub fn binary() -> PathBuf {
    let path = path();
    assert!(
        path.is_file(),
        "{} is missing: build it with cargo build -p wazapp, or run the tests with make test",
        path.display()
    );
    path
}

/// Where it is, if it was built.
pub(crate) fn path() -> PathBuf {
    let tests = std::env::current_exe().expect("a test has a path");
    let profile = tests.parent().and_then(Path::parent).expect("tests are built into TARGET/PROFILE/deps");
    profile.join("wazapp")
}

/// The arguments that connect a simulated number to an organization with this token.
pub fn connect<'a>(organization: &'a str, number: &'a SimulatedNumber, token: &'a str) -> Vec<&'a str> {
    connect_by(organization, (&number.phone_number_id, &number.waba_id), token)
}

/// The same of any number, by its id and its account's, which nobody asks Meta about.
pub fn connect_unchecked<'a>(organization: &'a str, ids: (&'a str, &'a str), token: &'a str) -> Vec<&'a str> {
    [connect_by(organization, ids, token), vec!["--skip-checks"]].concat()
}

fn connect_by<'a>(organization: &'a str, (number, account): (&'a str, &'a str), token: &'a str) -> Vec<&'a str> {
    let whose = ["number", "connect", "--org", organization];
    [&whose[..], &["--phone-number-id", number, "--waba-id", account], &["--token", token]].concat()
}

/// A data directory and the settings to run wazapp on it.
#[derive(Debug)]
pub struct Installation {
    data_dir: TempDir,
    settings: Vec<(String, String)>,
    around: Vec<OsString>,
}

impl Installation {
    /// An empty data directory.
    pub fn new() -> Self {
        Self::below(&crate::cluster::memory())
    }

    /// The same on a disk, where a test is of what memory is taken.
    pub fn on_disk() -> Self {
        Self::below(&std::env::temp_dir())
    }

    fn below(place: &Path) -> Self {
        // A short path: a socket's name has room for a hundred bytes.
        let data_dir = tempfile::Builder::new().prefix("wazapp-").tempdir_in(place).expect("a temporary directory");
        Self { data_dir, settings: Vec::new(), around: Vec::new() }
    }

    /// Has every run begin by this command line, which runs what is appended to it.
    #[must_use]
    pub fn within<S: Into<OsString>>(mut self, around: impl IntoIterator<Item = S>) -> Self {
        self.around = around.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an environment variable to every run.
    #[must_use]
    pub fn setting(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// One that knows a simulated Meta and its App, to which it proves itself by this word.
    pub async fn beside(meta: &Meta, verify_token: &str) -> Self {
        let app = meta.state().await["app"].clone();
        let word = |name: &str| app[name].as_str().unwrap_or_else(|| panic!("no App: {app}")).to_owned();
        Self::new()
            .setting("WAZAPP_GRAPH_URL", meta.url())
            .setting("WAZAPP_META_APP_ID", &word("id"))
            .setting("WAZAPP_META_APP_SECRET", &word("secret"))
            .setting("WAZAPP_META_VERIFY_TOKEN", verify_token)
    }

    /// Connects a simulated number to an organization, or gives a connected one another token, unseen by Meta.
    pub async fn connect(&self, organization: &str, number: &SimulatedNumber, token: &str) {
        let ids = (number.phone_number_id.as_str(), number.waba_id.as_str());
        self.json(&connect_unchecked(organization, ids, token)).await;
    }

    /// The directory of the socket of its private PostgreSQL, if that runs.
    pub fn socket_dir(&self) -> Option<PathBuf> {
        let places = ["socket", "postgres/socket"].map(|name| self.data_dir().join(name));
        places.into_iter().find(|directory| directory.is_dir())
    }

    /// `DATA_DIR`.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// A run of the program, not started yet; it sees no settings but these.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.around.split_first() {
            None => Command::new(binary()),
            Some((program, rest)) => {
                let mut command = Command::new(program);
                command.args(rest).arg(binary());
                command
            }
        };
        for (name, _) in std::env::vars_os() {
            if ["WAZAPP_", "OTEL_"].iter().any(|by| name.to_string_lossy().starts_with(by)) {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("WAZAPP_DATA_DIR", self.data_dir.path())
            .env("WAZAPP_LISTEN", "127.0.0.1:0")
            // Nobody listens there: a test never calls Meta.
            .env("WAZAPP_GRAPH_URL", "http://127.0.0.1:9")
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.expect("wazapp runs")
    }

    /// Runs a command to its end that reads this from its standard input.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("wazapp starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        // It may end without reading.
        let _ = pipe.write_all(input.as_bytes()).await;
        drop(pipe);
        child.wait_with_output().await.expect("wazapp runs")
    }

    /// Runs a command that must succeed, with `--json`, and answers what it printed.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let mut with_json = arguments.to_vec();
        with_json.push("--json");
        let output = self.run(&with_json).await;
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {complained}");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?} prints no JSON ({error}): {said}"))
    }

    /// Starts the server and waits until it is ready.
    pub async fn serve(&self) -> Server {
        self.start(&["serve"], self.data_dir.path().to_owned()).await
    }

    /// Starts the demo on ports of its own and waits until it is furnished; answers what it printed.
    pub async fn demo(&self) -> (Server, Value) {
        let arguments = ["demo", "--simulator", "127.0.0.1:0", "--json"];
        let mut server = self.start(&arguments, self.data_dir.path().join("demo")).await;
        let welcome = server.wait_for("the demo to be furnished", Server::welcome).await;
        (server, welcome)
    }

    /// A connection to its database, as the owner.
    pub async fn demo_sql(&self) -> tokio_postgres::Client {
        let socket = self.data_dir.path().join("demo/socket");
        crate::cluster::connect(&socket, "wazapp").await.expect("the demo's PostgreSQL")
    }

    async fn start(&self, arguments: &[&str], data_dir: PathBuf) -> Server {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("wazapp starts");
        let said = Arc::new(Mutex::new(String::new()));
        let mut listening = JoinSet::new();
        listening.spawn(gather(child.stdout.take().expect("a pipe"), said.clone()));
        listening.spawn(gather(child.stderr.take().expect("a pipe"), said.clone()));
        let mut server = Server { child, said, listening, url: String::new(), data_dir };
        server.url = server.wait_for("the server to be ready", Server::announced).await;
        server
    }
}

impl Default for Installation {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps what a stream says, line by line.
async fn gather(stream: impl AsyncRead + Unpin, said: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(&line);
        said.push('\n');
    }
}

/// `wazapp serve` at work; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    listening: JoinSet<()>,
    url: String,
    data_dir: PathBuf,
}

impl Server {
    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it said so far, to people and in its log.
    pub fn log(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The address in `DATA_DIR/wazapp.json`, if this server wrote it.
    fn announced(&mut self) -> Option<String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("wazapp serve ended ({status}): {}", self.log());
        }
        let text = std::fs::read_to_string(self.data_dir.join("wazapp.json")).ok()?;
        let said: Value = serde_json::from_str(&text).ok()?;
        let ours = said["pid"].as_u64() == self.child.id().map(u64::from);
        ours.then(|| format!("http://{}", said["listen"].as_str().unwrap_or_default()))
    }

    /// The JSON that the demo prints once it is furnished.
    fn welcome(&mut self) -> Option<Value> {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("wazapp demo ended ({status}): {}", self.log());
        }
        let log = self.log();
        let line = log.lines().find(|line| line.starts_with("{\"url\""))?;
        Some(serde_json::from_str(line).expect("JSON"))
    }

    async fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    fn pid(&self) -> Pid {
        let id = self.child.id().expect("it runs");
        Pid::from_raw(id.cast_signed()).expect("a process")
    }

    /// The process id of its private PostgreSQL, if that runs.
    pub fn postgres(&self) -> Option<i32> {
        let text = std::fs::read_to_string(self.data_dir.join("postgres/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// kill -9 of the server.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a process of ours");
    }

    /// kill -9 of its PostgreSQL.
    pub fn kill_postgres(&self) {
        let pid = self.postgres().and_then(Pid::from_raw);
        kill_process(pid.expect("PostgreSQL runs"), Signal::KILL).expect("it can be killed");
    }

    /// Waits until the server has ended by itself; answers how, and what it said.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = self.wait_for("the server to end", |server| server.child.try_wait().ok().flatten()).await;
        // Its last words may still be in the pipes.
        while self.listening.join_next().await.is_some() {}
        (status, self.log())
    }

    /// Asks the server to end; answers how it did, after how long, and what it said.
    pub async fn terminate(self) -> (ExitStatus, Duration, String) {
        let started = Instant::now();
        kill_process(self.pid(), Signal::TERM).expect("a process of ours");
        let (status, log) = self.ended().await;
        (status, started.elapsed(), log)
    }
}
