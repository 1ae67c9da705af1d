//! How tools call the API: one trait, so that they are the same wherever the API is.

use std::fmt;

use http::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

/// Where the API's paths begin, on every server.
pub const BASE: &str = "/api/v1";

/// What says in a request that an assistant asks: the audit tells of messages that are sent so.
pub const VIA: &str = "wazapp-via";

/// The value of [`VIA`].
pub const MCP: &str = "mcp";

/// The longest answer that is read.
pub const LONGEST_ANSWER: usize = 8 << 20;

/// The API, as the holder of one key reaches it.
pub trait Api: Send + Sync + 'static {
    /// Asks. An error says that no answer came, and nothing of what became of the question.
    fn ask(&self, ask: &Ask) -> impl Future<Output = Result<Answer, NoAnswer>> + Send;

    /// The key that it is asked with.
    fn key(&self) -> &SecretString;
}

/// A request to the API.
#[derive(Clone, Debug)]
pub struct Ask {
    /// GET for what only reads.
    pub method: Method,
    /// Behind [`BASE`], with the query.
    pub path: String,
    /// JSON.
    pub body: Option<Value>,
    /// By which a repeated send is known.
    pub idempotency_key: Option<String>,
}

impl Ask {
    /// One that only reads.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, idempotency_key: None }
    }
}

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Where the thing goes on under another id.
    pub location: Option<String>,
    /// JSON; null where there was none.
    pub body: Value,
}

impl Answer {
    /// Reads the body.
    pub fn new(status: StatusCode, location: Option<String>, body: &[u8]) -> Self {
        Self { status, location, body: serde_json::from_slice(body).unwrap_or_default() }
    }
}

/// No answer came: why.
#[derive(Clone, Debug)]
pub struct NoAnswer(pub String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What goes wrong, as an RFC 9457 problem.
#[derive(Clone, Debug)]
pub struct Wrong(pub(super) Value);

impl Wrong {
    /// One that is found here, before the API is asked.
    pub(super) fn here(detail: impl Into<String>) -> Self {
        Self(json!({ "type": "/docs#malformed", "title": "The call cannot be read", "detail": detail.into() }))
    }

    /// One that says all there is to put right.
    pub(super) fn with_errors(detail: &str, errors: Vec<Value>) -> Self {
        Self(json!({ "type": "/docs#invalid", "title": "A value is not accepted", "detail": detail, "errors": errors }))
    }

    /// The same, with something else to know.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    /// In words.
    pub fn words(&self) -> String {
        let said = |name: &str| self.0[name].as_str().map(str::to_owned);
        said("detail").or_else(|| said("title")).unwrap_or_else(|| self.0.to_string())
    }
}

impl From<NoAnswer> for Wrong {
    fn from(NoAnswer(why): NoAnswer) -> Self {
        let detail =
            format!("The wazapp server gave no answer that can be read: {why}. See that it runs, then try again.");
        Self(json!({ "type": "/docs#unavailable", "title": "wazapp cannot answer now", "detail": detail }))
    }
}

/// Asks, also under the id that a thing was merged into; anything but success is what goes wrong.
pub(super) async fn ask(api: &impl Api, mut ask: Ask) -> Result<Value, Wrong> {
    let mut answer = api.ask(&ask).await?;
    if answer.status.is_redirection()
        && let Some(path) = answer.location.as_deref().and_then(|location| location.strip_prefix(BASE))
    {
        ask.path = path.to_owned();
        answer = api.ask(&ask).await?;
    }
    match answer.status.is_success() {
        true => Ok(answer.body),
        false if answer.body.is_object() => Err(Wrong(answer.body)),
        false => Err(NoAnswer(format!("HTTP status {}", answer.status)).into()),
    }
}

/// Who the key stands for, as far as tools need it.
#[derive(Clone, Debug)]
pub struct Me {
    acts: Vec<String>,
}

impl Me {
    /// Asks the API, which says what is wrong with a key that opens nothing.
    pub async fn ask(api: &impl Api) -> Result<Self, Wrong> {
        Ok(Self::read(&ask(api, Ask::get("/me")).await?))
    }

    pub(super) fn read(me: &Value) -> Self {
        let acts = me["acts"].as_array().into_iter().flatten();
        Self { acts: acts.filter_map(Value::as_str).map(str::to_owned).collect() }
    }

    pub(super) fn may(&self, act: model::act::Act) -> bool {
        self.acts.iter().any(|may| may == act.word())
    }
}
