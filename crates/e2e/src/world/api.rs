//! What programs ask of the server, and what it answers.

use reqwest::Method;
use serde_json::Value;

use super::{Organization, World};
use crate::form::Form;

impl World {
    /// GETs a path below `/api/v1` with the organization's key.
    pub async fn get(&self, organization: &Organization, path: &str) -> (u16, Value) {
        self.call(Method::GET, organization, path, None).await
    }

    /// The answer to a GET that must succeed.
    pub async fn read(&self, organization: &Organization, path: &str) -> Value {
        let (status, answer) = self.get(organization, path).await;
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    /// PATCHes a path below `/api/v1`.
    pub async fn patch(&self, organization: &Organization, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PATCH, organization, path, Some(body)).await
    }

    /// POSTs to a path below `/api/v1`.
    pub async fn post_api(&self, organization: &Organization, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, organization, path, Some(body)).await
    }

    /// PUTs to a path below `/api/v1`.
    pub async fn put_api(&self, organization: &Organization, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PUT, organization, path, Some(body)).await
    }

    /// DELETEs a path below `/api/v1`.
    pub async fn delete(&self, organization: &Organization, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, organization, path, None).await
    }

    async fn call(
        &self,
        method: Method,
        organization: &Organization,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        self.call_with(method, organization, path, &[], body).await
    }

    /// A request to a path below `/api/v1` with headers of the test's own.
    pub async fn call_with(
        &self,
        method: Method,
        organization: &Organization,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = self.request(method, organization, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        answer(request, path).await
    }

    /// Posts a form to a path below `/api/v1`.
    pub async fn post_form(
        &self,
        organization: &Organization,
        path: &str,
        headers: &[(&str, &str)],
        form: Form,
    ) -> (u16, Value) {
        let mut request = self.request(Method::POST, organization, path).header("content-type", Form::CONTENT_TYPE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.body(form.end()), path).await
    }

    /// A request to a path below `/api/v1` with the organization's key, to be completed.
    pub fn request(&self, method: Method, organization: &Organization, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&organization.key)
    }

    /// All rows of a list, page by page.
    pub async fn all(&self, organization: &Organization, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut next = String::new();
        loop {
            let answer = self.read(organization, &format!("{path}{next}")).await;
            rows.extend(answer["data"].as_array().expect("a list").iter().cloned());
            match &answer["next_cursor"] {
                Value::String(cursor) => next = format!("{separator}cursor={cursor}"),
                _ => return rows,
            }
        }
    }

    /// The organization's conversations.
    pub async fn conversations(&self, organization: &Organization) -> Vec<Value> {
        self.all(organization, "/conversations?limit=100").await
    }

    /// The only conversation of the organization.
    pub async fn conversation(&self, organization: &Organization) -> Value {
        let mut all = self.conversations(organization).await;
        assert_eq!(all.len(), 1, "one conversation: {all:#?}");
        all.remove(0)
    }

    /// A conversation's messages, in the order of their sequence.
    pub async fn messages(&self, organization: &Organization, conversation: &Value) -> Vec<Value> {
        let id = conversation["id"].as_str().expect("an id");
        let path = format!("/conversations/{id}/messages?limit=100");
        let mut rows = self.all(organization, &path).await;
        rows.sort_by_key(|row| row["sequence"].as_i64());
        rows
    }

    /// The messages of all conversations.
    pub async fn all_messages(&self, organization: &Organization) -> Vec<Value> {
        let mut all = Vec::new();
        for conversation in self.conversations(organization).await {
            all.extend(self.messages(organization, &conversation).await);
        }
        all
    }

    /// The message with this wamid.
    pub async fn message(&self, organization: &Organization, wamid: &str) -> Value {
        let all = self.all_messages(organization).await;
        let mut found: Vec<Value> = all.iter().filter(|row| row["wamid"] == wamid).cloned().collect();
        assert_eq!(found.len(), 1, "{wamid} among {all:#?}");
        found.remove(0)
    }

    /// The organization's events of a type.
    pub async fn events(&self, organization: &Organization, kind: &str) -> Vec<Value> {
        let mut all = self.all(organization, "/events?limit=100").await;
        all.retain(|event| event["type"] == kind);
        all
    }
}

/// Status and JSON of the answer; null where it has no body.
pub(super) async fn answer(request: reqwest::RequestBuilder, path: &str) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a whole answer");
    let value = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{path} answers no JSON ({error}): {text}")),
    };
    (status, value)
}
