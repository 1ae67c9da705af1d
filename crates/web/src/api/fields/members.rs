//! A JSON body, as it was written.

use std::fmt;

use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::object::read;
use super::refusal::Refusal;
use crate::api::{BATCH_LIMIT, BODY_LIMIT};
use crate::problem::Problem;
use crate::serve::is_too_slow;

/// A JSON object as it was written: a map would hide that a name came twice.
#[derive(Debug)]
pub(in crate::api) struct Members(pub(super) Vec<(String, Value)>);

impl<S: Send + Sync> FromRequest<S> for Members {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        json(request, state, BODY_LIMIT, "a JSON object").await
    }
}

/// Several such objects, each still as it was written: `{"messages": […]}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ManyMembers {
    pub(in crate::api) messages: Vec<Box<RawValue>>,
}

impl<S: Send + Sync> FromRequest<S> for ManyMembers {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        json(request, state, BATCH_LIMIT, "a JSON object with `messages`, a list").await
    }
}

/// What a body of no more than so many bytes says, which is to be this.
async fn json<T: DeserializeOwned>(
    request: Request,
    state: &(impl Send + Sync),
    limit: usize,
    what: &str,
) -> Result<T, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::not_json());
    }
    let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
        let slow = is_too_slow(&rejection);
        match rejection.into_response().status() {
            _ if slow => Problem::too_slow(),
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(limit),
            _ => Problem::malformed("The body did not arrive whole. Send it again."),
        }
    })?;
    serde_json::from_slice(&bytes).map_err(|error| unread(&format!("The body is not {what}"), &error))
}

/// The parser's own message may quote the body.
fn unread(what: &str, error: &serde_json::Error) -> Problem {
    Problem::malformed(format!("{what} (line {}, column {}). Send one.", error.line(), error.column()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

impl Members {
    /// Of one object among several, which may be as large as one that comes alone.
    pub(in crate::api) fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > BODY_LIMIT {
            return Err(Problem::too_large(BODY_LIMIT));
        }
        serde_json::from_str(text).map_err(|error| unread("This is not a JSON object", &error))
    }

    /// Takes out those of `T`, which are these.
    pub(in crate::api) fn take<T: DeserializeOwned>(&mut self, names: &[&str]) -> Result<T, Problem> {
        let all = std::mem::take(&mut self.0).into_iter();
        let (own, rest) = all.partition(|(name, _)| names.contains(&name.as_str()));
        self.0 = rest;
        read(own).map_err(|refusal| refusal.of("field"))
    }

    /// Whether one is there.
    pub(in crate::api) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// All of it as it is now.
    pub(in crate::api) fn value(&self) -> Value {
        Value::Object(self.0.iter().cloned().collect())
    }

    /// Takes out one, whatever it is.
    pub(in crate::api) fn take_one(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The object that is left.
    pub(in crate::api) fn object(self) -> Result<Map<String, Value>, Problem> {
        let mut object = Map::new();
        for (name, value) in self.0 {
            if object.contains_key(&name) {
                return Err(<Refusal as de::Error>::duplicate_field("").named(name).of("field"));
            }
            object.insert(name, value);
        }
        Ok(object)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
