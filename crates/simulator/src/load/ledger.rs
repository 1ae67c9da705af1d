//! The ledger: every body sent, what it carried, and each try with its answer.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// All that one run sent. It holds some 0.4 kB for each body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    pub(super) head: Head,
    pub(super) sent: Vec<Sent>,
}

/// What is true of the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) seed: u64,
    /// Bodies a second, as asked.
    pub(super) rate: Option<f64>,
    pub(super) connections: usize,
    /// When the first body was due.
    pub(super) began: Timestamp,
    /// Until the last answer.
    pub(super) elapsed_us: u64,
    pub(super) cores: usize,
    /// CPU time of the threads that made and sent the bodies.
    pub(super) cpu_us: Option<u64>,
}

/// A body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Its number in the plan; with a mixed order they are not sent in that order.
    pub body: u64,
    /// What it carries.
    pub messages: Box<[Message]>,
    /// How often it was sent, and what came back.
    pub tries: Vec<Try>,
}

impl Sent {
    /// Answered 200 at least once: from then on the server answers for it.
    pub fn accepted(&self) -> bool {
        self.tries.iter().any(Try::accepted)
    }
}

/// A customer's message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Meta's id of the number it was written to.
    #[serde(with = "shared")]
    pub phone_number_id: Arc<str>,
    /// The `wa_id` of who wrote it.
    #[serde(with = "shared")]
    pub customer: Arc<str>,
    /// Meta's id of it.
    pub wamid: Box<str>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its words: the body, the caption, the button's title; a place's name; an emoji.
    pub text: Box<str>,
}

impl Message {
    /// Whether a reader who sees `text` sees this message.
    pub(super) fn reads(&self, text: &str) -> bool {
        match self.kind {
            Kind::Text | Kind::Image | Kind::Interactive => text == &*self.text,
            // These have no words of their own: whoever shows them may put a sign before and an address behind.
            Kind::Location | Kind::Reaction => text.contains(&*self.text),
        }
    }
}

/// Meta's type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Words.
    Text,
    /// A picture with a caption.
    Image,
    /// A place.
    Location,
    /// An emoji on an earlier message of the same customer.
    Reaction,
    /// A tap on a reply button.
    Interactive,
}

/// One request with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// Why it was made.
    pub reason: Reason,
    /// When it was due, in microseconds since the run began.
    pub due_us: u64,
    /// From then until it was written: what the generator itself was late, for want of a free connection or of CPU.
    pub late_us: u32,
    /// From when it was due until it was answered, so that a stall shows in every request it held up.
    pub latency_us: u32,
    /// What came back.
    pub answer: Answer,
}

impl Try {
    /// Answered 200.
    pub fn accepted(&self) -> bool {
        self.answer == Answer::Status(200)
    }
}

/// Why a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// For the first time.
    First,
    /// Once more, as Meta at times does without need.
    Duplicate,
    /// Again, as no try so far was answered 200.
    Retry,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// An answer with this status.
    Status(u16),
    /// None.
    Error(Fault),
}

impl Answer {
    pub(super) fn is_status(self) -> bool {
        matches!(self, Self::Status(_))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Error(fault) => f.write_str(match fault {
                Fault::Connect => "no connection",
                Fault::Closed => "connection closed",
                Fault::Timeout => "timeout",
                Fault::Unreadable => "unreadable answer",
            }),
        }
    }
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Nobody took the connection.
    Connect,
    /// The connection broke before a complete answer.
    Closed,
    /// It took too long.
    Timeout,
    /// Something came that is not HTTP/1.1.
    Unreadable,
}

impl Ledger {
    /// The bodies, in the order they were first sent.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// Writes a file of JSON lines: the run, then one line a body. Blocks.
    pub fn save(&self, path: &Path) -> Result<()> {
        let write = || -> Result<()> {
            let mut file = BufWriter::new(File::create(path)?);
            serde_json::to_writer(&mut file, &self.head)?;
            for sent in &self.sent {
                file.write_all(b"\n")?;
                serde_json::to_writer(&mut file, sent)?;
            }
            file.write_all(b"\n")?;
            Ok(file.flush()?)
        };
        write().with_context(|| format!("writing the ledger {}", path.display()))
    }

    /// Reads what [`Self::save`] wrote. Blocks.
    pub fn read(path: &Path) -> Result<Self> {
        let name = || format!("reading the ledger {}", path.display());
        let mut lines = BufReader::new(File::open(path).with_context(name)?).lines();
        let head = lines.next().transpose().with_context(name)?.unwrap_or_default();
        ensure!(!head.is_empty(), "the ledger {} is empty", path.display());
        let head = serde_json::from_str(&head).with_context(|| format!("{}, line 1", name()))?;
        let mut known = shared::Known::default();
        let mut sent = Vec::new();
        for (line, at) in lines.zip(2..) {
            let mut body: Sent =
                serde_json::from_str(&line.with_context(name)?).with_context(|| format!("{}, line {at}", name()))?;
            for message in &mut body.messages {
                known.share(&mut message.phone_number_id);
                known.share(&mut message.customer);
            }
            sent.push(body);
        }
        Ok(Self { head, sent })
    }
}

/// Text that many messages have in common.
mod shared {
    use std::collections::HashSet;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
        Ok(String::deserialize(deserializer)?.into())
    }

    /// What was read so far, so that it is held once.
    #[derive(Default)]
    pub(super) struct Known(HashSet<Arc<str>>);

    impl Known {
        pub(super) fn share(&mut self, text: &mut Arc<str>) {
            match self.0.get(text) {
                Some(known) => *text = known.clone(),
                None => drop(self.0.insert(text.clone())),
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ledger of these bodies, each with one message and one try.
    pub(crate) fn of(messages: impl IntoIterator<Item = (Message, Answer)>) -> Ledger {
        let head = Head {
            seed: 1,
            rate: Some(1000.0),
            connections: 4,
            began: Timestamp::constant(1_795_000_000, 0),
            elapsed_us: 1_000_000,
            cores: 2,
            cpu_us: Some(20_000),
        };
        let sent = |(body, (message, answer))| Sent {
            body,
            messages: [message].into(),
            tries: vec![Try { reason: Reason::First, due_us: body * 1000, late_us: 60, latency_us: 2500, answer }],
        };
        Ledger { head, sent: (0..).zip(messages).map(sent).collect() }
    }

    pub(crate) fn message(phone_number_id: &str, customer: &str, wamid: &str, text: &str) -> Message {
        Message {
            phone_number_id: phone_number_id.into(),
            customer: customer.into(),
            wamid: wamid.into(),
            kind: Kind::Text,
            text: text.into(),
        }
    }

    #[test]
    fn a_file_holds_all_of_it() {
        let ledger = of([
            (message("1", "573", "wamid.A", "¡Hola! 👋"), Answer::Status(200)),
            (message("1", "573", "wamid.B", "two"), Answer::Error(Fault::Timeout)),
        ]);
        let path = std::env::temp_dir().join(format!("ledger-{}.jsonl", std::process::id()));
        ledger.save(&path).expect("saved");
        let text = std::fs::read_to_string(&path).expect("there");
        let read = Ledger::read(&path);
        std::fs::remove_file(&path).expect("removed");

        assert_eq!(text.lines().count(), 3);
        let line: serde_json::Value = serde_json::from_str(text.lines().nth(1).expect("a body")).expect("JSON");
        assert_eq!(line["messages"][0]["wamid"], "wamid.A");
        assert_eq!(line["messages"][0]["type"], "text");
        assert_eq!(line["tries"][0]["answer"]["status"], 200);
        let read = read.expect("read");
        assert_eq!(read, ledger);
        assert!(Arc::ptr_eq(&read.sent[0].messages[0].customer, &read.sent[1].messages[0].customer));
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let error = Ledger::read(Path::new("/nowhere/ledger.jsonl")).expect_err("there is none");
        assert!(error.to_string().contains("/nowhere/ledger.jsonl"));
    }
}
