//! The named fields of a query or of a JSON object, read so that a refusal names the field: the [`Query`] and [`Body`]
//! extractors.

use std::fmt;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hyper::body::Body as _;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::value::StringDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, Unexpected, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value};

use super::BODY_LIMIT;
use crate::problem::Problem;
use crate::serve::is_too_slow;

/// Longer than any token or code of Meta's.
const LONGEST_SECRET: usize = 4096;

/// A yes or no of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Flag {
    #[serde(rename = "true")]
    Yes,
    #[serde(rename = "false")]
    No,
}

/// What the query says. A parameter that `T` does not know, or that is given twice, is refused.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

/// Takes no query parameter at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::malformed("The query cannot be read. Send it URL-encoded."))?;
        let fields = pairs.0.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
        read(fields).map(Self).map_err(|refusal| refusal.of("query parameter"))
    }
}

/// What the JSON body says. A field that `T` does not know, or that is given twice, is refused.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let members = Members::from_request(request, state).await?;
        read(members.0).map(Self).map_err(|refusal| refusal.of("field"))
    }
}

impl<S: Send + Sync> FromRequest<S> for Members {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::not_json());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let slow = is_too_slow(&rejection);
            match rejection.into_response().status() {
                _ if slow => Problem::too_slow(),
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(BODY_LIMIT),
                _ => Problem::malformed("The body did not arrive whole. Send it again."),
            }
        })?;
        // The parser's own message may quote the body.
        serde_json::from_slice(&bytes).map_err(|error| {
            Problem::malformed(format!(
                "The body is not a JSON object (line {}, column {}). Send one.",
                error.line(),
                error.column()
            ))
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// The same for a body that may be left out: none at all says nothing, whatever its headers.
#[derive(Debug)]
pub(super) struct PerhapsBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for PerhapsBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if request.body().is_end_stream() {
            return read(Vec::new()).map(Self).map_err(|refusal| refusal.of("field"));
        }
        Body::from_request(request, state).await.map(|Body(read)| Self(read))
    }
}

/// An id of Meta's objects: digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MetaId(pub(super) String);

impl<'de> Deserialize<'de> for MetaId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "an id of Meta's, digits only";
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(Self(text)) } else { Err(de::Error::invalid_value(Unexpected::Other("another text"), &expected)) }
    }
}

/// A secret: text without spaces, which no answer shows again.
#[derive(Clone, Debug)]
pub(super) struct Secret(pub(super) SecretString);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fits = (1..=LONGEST_SECRET).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            return Ok(Self(SecretString::from(text)));
        }
        let expected = "as Meta gave it: 1 to 4096 ASCII characters without spaces";
        Err(de::Error::invalid_value(Unexpected::Other("another text"), &expected))
    }
}

/// The PIN of a number's two-step verification: six digits.
#[derive(Clone, Debug)]
pub(super) struct Pin(pub(super) SecretString);

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(SecretString::from(text)));
        }
        Err(de::Error::invalid_value(Unexpected::Other("another text"), &"six digits"))
    }
}

/// Reads an optional field that is there: null is a value like any other, and only some types take it.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Text of at most so many characters, without NUL, which PostgreSQL cannot hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text<const LONGEST: usize>(pub(super) String);

impl<'de, const LONGEST: usize> Deserialize<'de> for Text<LONGEST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let length = text.chars().count();
        if length > LONGEST {
            let most = format!("at most {LONGEST} characters");
            return Err(de::Error::invalid_length(length, &most.as_str()));
        }
        if text.contains('\0') {
            let without = "text without the character NUL";
            return Err(de::Error::invalid_value(Unexpected::Other("NUL"), &without));
        }
        Ok(Self(text))
    }
}

/// A time as the API writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "an RFC 3339 time such as `2026-11-24T14:03:05Z`";
        text.parse().map(Self).map_err(|_| de::Error::invalid_value(Unexpected::Other("another text"), &expected))
    }
}

fn read<T: DeserializeOwned>(fields: Vec<(String, Value)>) -> Result<T, Refusal> {
    T::deserialize(Object { fields: fields.into_iter(), value: None })
}

/// Which field was refused, and why.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    field: String,
    why: String,
    /// Well written, but not a value we take.
    invalid: bool,
}

impl Refusal {
    fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into(), invalid: false }
    }

    fn invalid(why: impl Into<String>) -> Self {
        Self { invalid: true, ..Self::new("", why) }
    }

    /// Of a member of this name; a member of an object is named with its path.
    fn named(self, name: String) -> Self {
        let field = if self.field.is_empty() { name } else { format!("{name}.{}", self.field) };
        Self { field, ..self }
    }

    fn of(self, what: &str) -> Problem {
        let name: String = self.field.chars().take(80).collect();
        let detail = format!("The {what} `{name}` {}.", self.why);
        if self.invalid { Problem::invalid(detail) } else { Problem::malformed(detail) }
    }
}

/// What serde knows of a refusal decides: a wrong shape is malformed, a value outside the list or the length is invalid.
/// Values are never quoted.
impl de::Error for Refusal {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self::new("", format!("cannot be read: {message}"))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new("", format!("must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid(format!("must be {expected}"))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::invalid(format!("must be {expected}; it has {length}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::invalid(format!("must be {}", list(expected, "or")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let why = match expected {
            [] => "is not known: none is taken here".to_owned(),
            _ => format!("is not known; known here: {}", list(expected, "and")),
        };
        Self::new(field, why)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(field, "is missing")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(field, "is given twice; send it once")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.why)
    }
}

impl std::error::Error for Refusal {}

fn list(names: &[&str], last: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

/// All fields; serde asks for one after the other.
struct Object {
    fields: std::vec::IntoIter<(String, Value)>,
    value: Option<(String, Value)>,
}

impl<'de> Deserializer<'de> for Object {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Object {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        self.value = self.fields.next();
        let Some((name, _)) = &self.value else {
            return Ok(None);
        };
        let name: StringDeserializer<Refusal> = name.clone().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let (name, value) = self.value.take().expect("serde asks for the name first");
        seed.deserialize(Field(value)).map_err(|refusal| refusal.named(name))
    }
}

/// One field's value.
struct Field(Value);

impl<'de> Deserializer<'de> for Field {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(_) => Err(de::Error::invalid_type(Unexpected::Other("a number"), &visitor)),
            Value::Array(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            Value::Object(members) => {
                let fields: Vec<_> = members.into_iter().collect();
                visitor.visit_map(Object { fields: fields.into_iter(), value: None })
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let Value::String(text) = self.0 else {
            return Err(Refusal::new("", format!("must be {}", list(variants, "or"))));
        };
        let text: StringDeserializer<Refusal> = text.into_deserializer();
        visitor.visit_enum(text)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier
    }
}

/// A JSON object as it was written: a map would hide that a name came twice.
#[derive(Debug)]
pub(super) struct Members(Vec<(String, Value)>);

impl Members {
    /// Takes out those of `T`, which are these.
    pub(super) fn take<T: DeserializeOwned>(&mut self, names: &[&str]) -> Result<T, Problem> {
        let all = std::mem::take(&mut self.0).into_iter();
        let (own, rest) = all.partition(|(name, _)| names.contains(&name.as_str()));
        self.0 = rest;
        read(own).map_err(|refusal| refusal.of("field"))
    }

    /// Whether one is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// All of it as it is now.
    pub(super) fn value(&self) -> Value {
        Value::Object(self.0.iter().cloned().collect())
    }

    /// Takes out one, whatever it is.
    pub(super) fn take_one(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The object that is left.
    pub(super) fn object(self) -> Result<Map<String, Value>, Problem> {
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

#[cfg(test)]
mod tests {
    use http::Method;
    use model::conversation::State;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default, deserialize_with = "given")]
        state: Option<State>,
        #[serde(default, deserialize_with = "given")]
        id: Option<Option<Uuid>>,
        #[serde(default, deserialize_with = "given")]
        note: Option<Text<3>>,
    }

    async fn query(query: &str) -> Result<Sample, (u16, String)> {
        let uri = format!("/x?{query}");
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await.map(|Query(sample)| sample).map_err(told)
    }

    async fn body(kind: &str, body: impl Into<axum::body::Body>) -> Result<Sample, (u16, String)> {
        let request = Request::builder().method(Method::PATCH).header(CONTENT_TYPE, kind).body(body.into()).unwrap();
        Body::from_request(request, &()).await.map(|Body(sample)| sample).map_err(told)
    }

    async fn json(text: &str) -> Result<Sample, (u16, String)> {
        body("application/json; charset=utf-8", text.to_owned()).await
    }

    fn told(problem: Problem) -> (u16, String) {
        (problem.kind().status.as_u16(), problem.detail().to_owned())
    }

    #[tokio::test]
    async fn a_query_is_read() {
        let id = Uuid::now_v7();
        let sample = query(&format!("id={id}&state=waiting&note=a%20b")).await.unwrap();
        assert_eq!(sample.id, Some(Some(id)));
        assert_eq!(sample.state, Some(State::Waiting));
        assert_eq!(sample.note, Some(Text("a b".into())));
        assert_eq!(query("").await.unwrap().state, None);
    }

    #[tokio::test]
    async fn a_refused_parameter_is_named() {
        for (text, status, says) in [
            ("page=2", 400, "The query parameter `page` is not known; known here: `state`, `id` and `note`."),
            ("note=a&note=b", 400, "The query parameter `note` is given twice; send it once."),
            ("id=7", 400, "The query parameter `id` cannot be read: UUID"),
            ("state=open", 422, "The query parameter `state` must be `active`, `waiting` or `resolved`."),
            ("note=long", 422, "The query parameter `note` must be at most 3 characters; it has 4."),
            ("note=%00", 422, "The query parameter `note` must be text without the character NUL."),
        ] {
            let (told_status, told) = query(text).await.unwrap_err();
            assert_eq!(told_status, status, "{text}: {told}");
            assert!(told.starts_with(says), "{text}: {told}");
        }
    }

    #[tokio::test]
    async fn null_is_a_value_and_absence_is_none() {
        assert_eq!(json(r#"{"id":null}"#).await.unwrap().id, Some(None));
        assert_eq!(json("{}").await.unwrap().id, None);
        assert_eq!(json(r#"{"state":null}"#).await.unwrap_err().0, 400);
    }

    #[tokio::test]
    async fn a_refused_field_is_named() {
        for (text, status, says) in [
            (r#"{"stat":"active"}"#, 400, "The field `stat` is not known"),
            (r#"{"note":"a","note":"b"}"#, 400, "The field `note` is given twice"),
            (r#"{"state":7}"#, 400, "The field `state` must be `active`, `waiting` or `resolved`."),
            (r#"{"state":"open"}"#, 422, "The field `state` must be `active`, `waiting` or `resolved`."),
            (r#"{"note":["a"]}"#, 400, "The field `note` must be a string."),
            (r#"{"note":"\u0000"}"#, 422, "The field `note` must be text without the character NUL."),
            (r#"{"id":"x"}"#, 400, "The field `id` cannot be read: UUID"),
            ("[]", 400, "The body is not a JSON object"),
            ("null", 400, "The body is not a JSON object"),
            ("", 400, "The body is not a JSON object"),
            ("{} {}", 400, "The body is not a JSON object"),
            (r#"{"note":"\ud800"}"#, 400, "The body is not a JSON object"),
        ] {
            let (told_status, told) = json(text).await.unwrap_err();
            assert_eq!(told_status, status, "{text}: {told}");
            assert!(told.starts_with(says), "{text}: {told}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(json(&deep).await.unwrap_err().0, 400);
    }

    #[tokio::test]
    async fn a_refusal_never_quotes_a_value() {
        for text in [r#"{"state":"MARK"}"#, r#"{"id":"MARK"}"#, r#""MARK""#, "{MARK}"] {
            let (_, told) = json(text).await.unwrap_err();
            assert!(!told.contains("MARK"), "{told}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        within: Within,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Within {
        id: MetaId,
    }

    #[derive(Debug, Deserialize)]
    struct Lenient {
        id: MetaId,
    }

    #[tokio::test]
    async fn a_member_of_an_object_is_named_with_its_path() {
        let nested = async |text: &str| {
            let request = Request::builder().header(CONTENT_TYPE, "application/json").body(text.to_owned().into());
            Body::<Nested>::from_request(request.unwrap(), &()).await.map(|Body(read)| read).map_err(told)
        };
        assert_eq!(nested(r#"{"within":{"id":"12"}}"#).await.unwrap().within.id, MetaId("12".into()));
        for (text, status, says) in [
            (r#"{"within":{"id":"MARK"}}"#, 422, "The field `within.id` must be an id of Meta's, digits only."),
            (r#"{"within":{"id":"1","x":1}}"#, 400, "The field `within.x` is not known; known here: `id`."),
            (r#"{"within":{}}"#, 400, "The field `within.id` is missing."),
            (r#"{"within":"MARK"}"#, 400, "The field `within` must be struct Within."),
        ] {
            assert_eq!(nested(text).await.unwrap_err(), (status, says.to_owned()), "{text}");
        }
        // What Meta adds to an object of its own is passed over, whatever it is.
        let text = r#"{"id":"1","more":[{"a":1}],"count":3,"none":null}"#;
        let request = Request::builder().header(CONTENT_TYPE, "application/json").body(text.into()).unwrap();
        let Body(lenient) = Body::<Lenient>::from_request(request, &()).await.unwrap();
        assert_eq!(lenient.id, MetaId("1".into()));
    }

    #[tokio::test]
    async fn a_body_may_be_left_out_where_nothing_is_needed() {
        let request = Request::post("/x").body(axum::body::Body::empty()).unwrap();
        assert!(PerhapsBody::<Sample>::from_request(request, &()).await.is_ok());
        let request = Request::post("/x").body("{}".into()).unwrap();
        assert_eq!(PerhapsBody::<Sample>::from_request(request, &()).await.unwrap_err().kind().status, 415);
    }

    #[tokio::test]
    async fn only_json_is_taken_for_json() {
        assert_eq!(body("text/plain", "{}").await.unwrap_err().0, 415);
        assert!(body("Application/JSON", "{}").await.is_ok());
    }

    #[tokio::test]
    async fn lengths_are_counted_in_characters() {
        assert!(json(r#"{"note":"ñññ"}"#).await.is_ok());
    }
}
