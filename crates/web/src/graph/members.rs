//! What a body carries: Meta reads the same members from JSON and from forms of both kinds.

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use multer::Multipart;
use serde_json::{Map, Value};

use super::error::GraphError;
use crate::serve::is_too_slow;

/// The longest body that is no file.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// A flow's screens are up to 10 MB, and longer where they stand as a text in JSON.
const FLOW_LIMIT: usize = 16 << 20;

/// Fifty calls in one.
const BATCH_LIMIT: usize = 1 << 20;

/// So many members a form has at most.
const MEMBERS: usize = 256;

/// Parameters of a call that are the caller's or ours, never Meta's: tokens, and what would make another call of it, or
/// another answer.
const KEPT_BACK: [&str; 9] = [
    "access_token",
    "appsecret_proof",
    "method",
    "ids",
    "batch",
    "callback",
    "metadata",
    "debug",
    "suppress_http_code",
];

/// Whether a parameter goes no further, by its name, or by the first word of `name[member]`.
pub(super) fn is_kept_back(name: &str) -> bool {
    let name = name.split('[').next().unwrap_or_default().trim();
    KEPT_BACK.iter().any(|kept| kept.eq_ignore_ascii_case(name))
}

/// The longest body of a call on this edge.
pub(super) fn limit(edge: &str) -> usize {
    if ["flows", "assets"].contains(&edge) { FLOW_LIMIT } else { BODY_LIMIT }
}

/// A whole body of a batch.
pub(super) async fn whole_batch(body: Body) -> Result<Bytes, GraphError> {
    whole(body, BATCH_LIMIT).await
}

/// A whole body of at most so many bytes.
pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes, GraphError> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(GraphError::new(413, 100, format!("(#100) The body is longer than {limit} bytes.")))
        }
        Err(error) if is_too_slow(&*error) => Err(GraphError::too_slow()),
        Err(_) => Err(GraphError::invalid("The body did not arrive whole.")),
    }
}

/// A file among a form's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) filename: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// What a body carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Members {
    pub(super) all: Map<String, Value>,
    pub(super) file: Option<Part>,
}

impl Members {
    /// Reads a body of this `Content-Type`, which says less than the body: some programs call a form JSON, or nothing.
    pub(super) async fn read(content_type: Option<&str>, body: Bytes) -> Result<Self, GraphError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            let boundary = content_type.and_then(|text| multer::parse_boundary(text).ok()).ok_or_else(unreadable)?;
            return Self::of_parts(Multipart::new(Body::from(body).into_data_stream(), boundary)).await;
        }
        let all = match serde_json::from_slice(&body) {
            _ if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") => form(&body)?,
            Ok(all) => all,
            Err(_) if is_form(&body) => form(&body)?,
            Err(_) => return Err(unreadable()),
        };
        Ok(Self { all, file: None })
    }

    async fn of_parts(mut parts: Multipart<'_>) -> Result<Self, GraphError> {
        let mut read = Self::default();
        let mut count = 0;
        while let Some(part) = parts.next_field().await.map_err(|_| unreadable())? {
            count += 1;
            let name = part.name().unwrap_or_default().to_owned();
            if name.is_empty() || count > MEMBERS {
                return Err(unreadable());
            }
            match part.file_name().map(str::to_owned) {
                Some(_) if read.file.is_some() => return Err(GraphError::invalid("One file is taken, not two.")),
                Some(filename) => {
                    let content_type = part.content_type().map(ToString::to_string);
                    let content_type = content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                    let bytes = part.bytes().await.map_err(|_| unreadable())?;
                    read.file = Some(Part { name, filename, content_type, bytes });
                }
                None => {
                    let text = part.text().await.map_err(|_| unreadable())?;
                    put(&mut read.all, &name, text)?;
                }
            }
        }
        Ok(read)
    }

    /// Without what goes no further.
    pub(super) fn without_kept_back(mut self) -> Self {
        self.all.retain(|name, _| !is_kept_back(name));
        self
    }
}

fn unreadable() -> GraphError {
    GraphError::invalid("Error parsing request body: it must be a JSON object, or a form.")
}

/// `name=value`, which no JSON begins with.
fn is_form(body: &[u8]) -> bool {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]%+".contains(byte);
    let end = body.iter().position(|byte| !named(byte));
    end.is_some_and(|end| end > 0 && body[end] == b'=')
}

fn form(body: &[u8]) -> Result<Map<String, Value>, GraphError> {
    let mut all = Map::new();
    for (name, value) in form_urlencoded::parse(body).take(MEMBERS) {
        put(&mut all, &name, value.into_owned())?;
    }
    Ok(all)
}

/// Puts a member of a form in its place: `text[body]` is the member `body` of the object `text`, and `categories[]` or
/// `categories[0]` one of a list.
fn put(all: &mut Map<String, Value>, name: &str, text: String) -> Result<(), GraphError> {
    let Some((first, rest)) = name.split_once('[') else {
        all.insert(name.to_owned(), text.into());
        return Ok(());
    };
    let words = rest.strip_suffix(']').ok_or_else(unreadable)?.split("][");
    let mut here = all.entry(first).or_insert(Value::Null);
    for word in words {
        let is_index = word.is_empty() || word.bytes().all(|byte| byte.is_ascii_digit());
        if here.is_null() {
            *here = if is_index { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
        }
        here = match here {
            Value::Array(list) if is_index => {
                let index = if word.is_empty() { list.len() } else { word.parse().unwrap_or(usize::MAX) };
                if index == list.len() {
                    list.push(Value::Null);
                }
                list.get_mut(index).ok_or_else(unreadable)?
            }
            Value::Object(members) => members.entry(word).or_insert(Value::Null),
            _ => return Err(unreadable()),
        };
    }
    *here = text.into();
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn read(content_type: &str, body: &'static str) -> Result<Value, i64> {
        let members = Members::read(Some(content_type), Bytes::from_static(body.as_bytes())).await;
        members.map(|members| Value::Object(members.all)).map_err(|error| error.code())
    }

    #[tokio::test]
    async fn the_same_is_read_from_json_and_from_forms() {
        let expected = Ok(json!({ "to": "34600", "type": "text" }));
        assert_eq!(read("application/json", r#"{"to":"34600","type":"text"}"#).await, expected);
        assert_eq!(read("application/x-www-form-urlencoded", "to=34600&type=text").await, expected);
        assert_eq!(read("application/json", "to=34600&type=text").await, expected, "a form under another name");
        let parts = "--b\r\ncontent-disposition: form-data; name=\"to\"\r\n\r\n34600\r\n\
                     --b\r\ncontent-disposition: form-data; name=\"type\"\r\n\r\ntext\r\n--b--\r\n";
        assert_eq!(read("multipart/form-data; boundary=b", parts).await, expected);
        for broken in ["[]", "\"{}\"", "{", "null", "hello", "=a"] {
            assert_eq!(read("application/json", broken).await, Err(100), "{broken}");
        }
        assert_eq!(read("multipart/form-data; boundary=b", "--b\r\n").await, Err(100));
    }

    #[tokio::test]
    async fn members_of_members_have_names_in_forms() {
        let form = "text[body]=hi&categories[]=A&categories[]=B&c[0][name]=x&c[0][y]=z";
        let expected = json!({ "text": { "body": "hi" }, "categories": ["A", "B"], "c": [{ "name": "x", "y": "z" }] });
        assert_eq!(read("application/x-www-form-urlencoded", form).await, Ok(expected));
        for broken in ["a[=1", "a[9]=1", "a[]=1&a[b]=2", "a=1&a[b]=2"] {
            assert_eq!(read("application/x-www-form-urlencoded", broken).await, Err(100), "{broken}");
        }
    }

    #[test]
    fn what_would_make_another_call_goes_no_further() {
        for name in ["access_token", "ACCESS_TOKEN", "method", "ids[0]", "suppress_http_code"] {
            assert!(is_kept_back(name), "{name}");
        }
        assert!(!is_kept_back("messaging_product"));
    }
}
