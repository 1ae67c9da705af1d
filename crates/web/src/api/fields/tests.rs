use http::Method;
use http::header::CONTENT_TYPE;
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
