//! The protocol's reference client; `scripts/need assistant` has installed it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use e2e::program;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A client that is connected.
pub(super) struct Assistant {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    /// As it was greeted.
    pub(super) greeting: Value,
}

/// Which revision of the protocol it speaks.
#[derive(Clone, Copy)]
pub(super) enum Speaks {
    /// The newest that both know.
    Newest,
    /// One with a handshake.
    Handshake,
}

impl Speaks {
    fn mode(self) -> &'static str {
        match self {
            Self::Newest => "auto",
            Self::Handshake => "legacy",
        }
    }
}

impl Assistant {
    /// At `/mcp` of a server.
    pub(super) async fn over_http(url: &str, key: &str, speaks: Speaks) -> Self {
        let how = json!({ "url": format!("{url}/mcp"), "mode": speaks.mode() });
        Self::start(&how, |command| command.env("MCP_KEY", key)).await
    }

    /// The same, with a person beside it who is asked, and agrees or not.
    pub(super) async fn with_person(url: &str, key: &str, agrees: bool) -> Self {
        let how = json!({ "url": format!("{url}/mcp"), "mode": "auto", "agrees": agrees });
        Self::start(&how, |command| command.env("MCP_KEY", key)).await
    }

    /// With `wazapp mcp` as its own child.
    pub(super) async fn over_stdio(url: &str, key: &str, speaks: Speaks) -> Self {
        let program = program::binary();
        let how = json!({ "command": [program, "mcp", "--url", url], "mode": speaks.mode() });
        Self::start(&how, |command| command.env("WAZAPP_API_KEY", key)).await
    }

    async fn start(how: &Value, key: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("assistant/client.py");
        let mut command = Command::new(python());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WAZAPP_")) {
            command.env_remove(name);
        }
        key(command.arg(script).arg(how.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("Python runs the client");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut assistant = Self { child, stdin, stdout, greeting: Value::Null };
        assistant.greeting = assistant.line().await;
        assistant
    }

    async fn line(&mut self) -> Value {
        match self.stdout.next_line().await.expect("its output can be read") {
            Some(line) => serde_json::from_str(&line).unwrap_or_else(|_| panic!("the client said {line}")),
            None => {
                let mut complaint = String::new();
                let stderr = self.child.stderr.as_mut().expect("piped");
                stderr.read_to_string(&mut complaint).await.expect("its complaint can be read");
                panic!("the client ended: {complaint}");
            }
        }
    }

    async fn ask(&mut self, asked: &Value) -> Value {
        self.stdin.write_all(format!("{asked}\n").as_bytes()).await.expect("the client listens");
        self.line().await
    }

    /// The tools that it is shown.
    pub(super) async fn tools(&mut self) -> Vec<Value> {
        let answer = self.ask(&json!({ "list": true })).await;
        answer["tools"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    /// Calls a tool, which must go well; answers its result.
    pub(super) async fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.answer(tool, arguments).await;
        assert_eq!(answer["is_error"], false, "{tool} {arguments}: {answer}");
        answer["structured"]["result"].clone()
    }

    /// Calls a tool; answers all that came back, and the questions that the person was asked.
    pub(super) async fn answer(&mut self, tool: &str, arguments: &Value) -> Value {
        self.ask(&json!({ "call": tool, "arguments": arguments })).await
    }

    /// Goes, as a client does: over standard input and output the program must end by itself.
    pub(super) async fn end(mut self) {
        drop(self.stdin);
        let status = self.child.wait().await.expect("it ends");
        let mut complaint = String::new();
        let stderr = self.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut complaint).await.expect("its complaint can be read");
        assert!(status.success() && !complaint.contains("Traceback"), "{complaint}");
    }
}

fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("a workspace");
    let python = root.join("target/tools-assistant/bin/python3");
    assert!(python.is_file(), "{} is missing: scripts/need assistant", python.display());
    python
}
