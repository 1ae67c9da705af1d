//! A call of the Graph API, as an operation sees it.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::GraphError;
use crate::world::{Token, World};

/// A request's body, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    /// The fields of a JSON object or of a form. Of a form, each is a string.
    pub(crate) fields: Map<String, Value>,
    /// The file of a multipart form.
    pub(crate) file: Option<File>,
    /// The bytes of anything else.
    pub(crate) bytes: Bytes,
}

/// A file in a multipart form.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

/// One call. The world is locked while it runs.
pub(crate) struct Call<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) now: Timestamp,
    /// The object's id, as the path names it; empty for the root.
    pub(crate) object: String,
    /// What the path has in the place of the `*` of the operation's edge.
    pub(crate) rest: String,
    pub(crate) query: Map<String, Value>,
    pub(crate) headers: &'a http::HeaderMap,
    pub(crate) body: Body,
    /// Who calls; `None` for an App's own token or none.
    pub(crate) token: Option<Token>,
    /// The App that the token belongs to.
    pub(crate) app_id: String,
    /// `http://host`, as the caller reached us.
    pub(crate) origin: String,
    /// `/v26.0`, as the caller wrote it; empty where it wrote none.
    pub(crate) version: String,
    /// The caller's token, which Meta writes into the links to further pages.
    pub(crate) word: String,
}

/// What a call ends in.
pub(crate) type Answer = Result<Reply, GraphError>;

/// A call's answer.
pub(crate) enum Reply {
    /// 200 with this.
    Json(Value),
    /// Another status, with this as it stands.
    Status(u16, Value),
    /// 200, once the callback proved itself (§2.1); what follows is done then.
    AfterHandshake { url: String, verify_token: String, then: Box<dyn FnOnce(&mut World) -> Value + Send> },
    /// 200 with this, for a message that was accepted.
    Accepted { wamid: String, answer: Value },
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reply")
    }
}

impl Reply {
    /// `{"success": true}`.
    pub(crate) fn success() -> Answer {
        Ok(Self::Json(serde_json::json!({ "success": true })))
    }
}

impl Call<'_> {
    /// A parameter of the body, else of the query: Graph takes either.
    pub(crate) fn param(&self, name: &str) -> Option<&Value> {
        self.body.fields.get(name).or_else(|| self.query.get(name)).filter(|value| !value.is_null())
    }

    /// A parameter that is text; a number counts as its digits.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.param(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(word) => Some(word.to_string()),
            _ => None,
        }
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, GraphError> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// A parameter that is an object or a list; in a form it is written as JSON.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Value>, GraphError> {
        match self.param(name) {
            None => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map(Some)
                .map_err(|_| GraphError::of(100).message(format!("(#100) Param {name} must be valid JSON"))),
            Some(value) => Ok(Some(value.clone())),
        }
    }

    /// `messaging_product` must be `whatsapp` (§8.1).
    pub(crate) fn for_whatsapp(&self) -> Result<(), GraphError> {
        match self.param("messaging_product") {
            None => Err(missing("messaging_product")),
            Some(product) if product == "whatsapp" => Ok(()),
            Some(_) => Err(GraphError::of(100)
                .message("(#100) Param messaging_product must be one of {WHATSAPP} - got an unknown value")),
        }
    }

    /// The names in `fields=`, if any; of `a{b,c}` and `a.limit(3)` the first word.
    pub(crate) fn fields(&self) -> Option<Vec<String>> {
        let text = self.text("fields").filter(|text| !text.trim().is_empty())?;
        let mut names = vec![String::new()];
        let mut depth = 0_i32;
        for char in text.chars() {
            match char {
                '{' | '(' => depth += 1,
                '}' | ')' => depth -= 1,
                ',' if depth == 0 => names.push(String::new()),
                _ if depth == 0 => names.last_mut().expect("it starts with one").push(char),
                _ => {}
            }
        }
        let first = |name: String| name.split('.').next().unwrap_or_default().trim().to_owned();
        Some(names.into_iter().map(first).filter(|name| !name.is_empty()).collect())
    }

    /// The asked-for fields of an object, its id always among them; an unknown one is refused. Without `fields=`: the
    /// default ones.
    pub(crate) fn pick(&self, whole: &Map<String, Value>, default: &[&str]) -> Result<Value, GraphError> {
        let asked = self.fields();
        let names: Vec<&str> = match &asked {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => default.to_vec(),
        };
        let mut picked = Map::new();
        for name in names {
            let value = whole.get(name).ok_or_else(|| {
                GraphError::of(100).message(format!("(#100) Tried accessing nonexisting field ({name})"))
            })?;
            // Graph leaves out what is empty.
            if !value.is_null() {
                picked.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(id) = whole.get("id") {
            picked.entry("id").or_insert_with(|| id.clone());
        }
        Ok(Value::Object(picked))
    }

    /// One page of rows by `limit`, `after` and `before`, with Graph's cursors.
    pub(crate) fn page(&self, rows: Vec<Value>, edge: &str) -> Result<Value, GraphError> {
        use base64::Engine;
        use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
        let limit = match self.text("limit") {
            None => 25,
            Some(limit) => limit
                .parse::<usize>()
                .ok()
                .filter(|limit| *limit > 0)
                .ok_or_else(|| GraphError::of(100).message("(#100) Param limit must be a positive integer"))?
                .min(1000),
        };
        let place = |cursor: String| -> Result<usize, GraphError> {
            let bytes = BASE64.decode(cursor).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            text.and_then(|text| text.parse().ok()).ok_or_else(|| GraphError::of(100).message("(#100) Invalid cursor"))
        };
        let total = rows.len();
        let cursor = |name: &str| self.text(name).filter(|cursor| !cursor.is_empty());
        let start = match (cursor("after"), cursor("before")) {
            (Some(after), _) => place(after)? + 1,
            (None, Some(before)) => place(before)?.saturating_sub(limit),
            (None, None) => 0,
        };
        let data: Vec<Value> = rows.into_iter().skip(start).take(limit).collect();
        let mut answer = serde_json::json!({ "data": data });
        if !data.is_empty() {
            let last = start + data.len() - 1;
            let (before, after) = (BASE64.encode(start.to_string()), BASE64.encode(last.to_string()));
            answer["paging"] = serde_json::json!({ "cursors": { "before": before, "after": after } });
            // The next page is of the same question, with the caller's own token, wherever that came from.
            let kept = self.query.iter().filter(|(name, _)| {
                !["limit", "after", "before", "access_token", "appsecret_proof"].contains(&name.as_str())
            });
            let kept = kept.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
            let token = Some(("access_token", self.word.as_str())).filter(|(_, word)| !word.is_empty());
            let kept = kept.map(|(name, value)| (name.as_str(), value)).chain(token);
            let kept = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
            let url = |name: &str, cursor: &str| {
                let and = if kept.is_empty() { "" } else { "&" };
                let Self { origin, version, object, .. } = self;
                format!("{origin}{version}/{object}/{edge}?{kept}{and}limit={limit}&{name}={cursor}")
            };
            if last + 1 < total {
                answer["paging"]["next"] = url("after", &after).into();
            }
            if start > 0 {
                answer["paging"]["previous"] = url("before", &before).into();
            }
        }
        Ok(answer)
    }
}

/// The error for a parameter that isn't there.
pub(crate) fn missing(name: &str) -> GraphError {
    GraphError::of(100).message(format!("(#100) The parameter {name} is required."))
}
