//! Customers whom a number blocks: `/{phone-number-id}/block_users`.

use http::Method;
use serde_json::{Value, json};

use super::call::{Answer, Body, Call, digits};
use super::{Credential, Failure, Graph, MetaError};
use crate::json::Read;

/// Whom a block is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User<'a> {
    /// A phone number, with or without `+`.
    Phone(&'a str),
    /// A business-scoped user id; not a parent's.
    UserId(&'a str),
}

/// What became of a list of users; Meta serves those it can, whatever the others are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Blocks {
    /// Who is blocked now, or is free now.
    pub done: Vec<Listed>,
    /// Who is not, and why.
    pub failed: Vec<Unlisted>,
}

/// A user who was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// As the request named them.
    pub input: Option<String>,
    /// Their phone.
    pub wa_id: Option<String>,
    /// Their business-scoped user id.
    pub user_id: Option<String>,
}

/// A user who was not.
#[derive(Clone, Debug, PartialEq)]
pub struct Unlisted {
    /// As the request named them.
    pub input: Option<String>,
    /// Why. Who did not write in the last 24 hours can't be blocked.
    pub errors: Vec<MetaError>,
}

impl Blocks {
    /// Reads Meta's answer, be it an error or not. `None`: it says nothing of users.
    pub fn read(http: u16, answer: &Value) -> Option<Self> {
        let users = answer.get("block_users").filter(|users| users.is_object())?;
        let done = ["added_users", "removed_users"].into_iter().flat_map(|key| users.list(key));
        let failed = users.list("failed_users").iter().map(|user| Unlisted {
            input: user.text("input"),
            errors: user.list("errors").iter().filter_map(|error| MetaError::of(http, error, &[])).collect(),
        });
        let listed = |user: &Value| Listed {
            input: user.text("input"),
            wa_id: user.text("wa_id"),
            user_id: user.text("user_id"),
        };
        Some(Self { done: done.map(listed).collect(), failed: failed.collect() })
    }
}

impl Graph {
    /// Blocks users who wrote in the last 24 hours.
    pub async fn block_users(
        &self,
        credential: &Credential,
        phone_number_id: &str,
        users: &[User<'_>],
    ) -> Result<Blocks, Failure> {
        self.list_users(Method::POST, credential, phone_number_id, users).await
    }

    /// Blocks users no longer.
    pub async fn unblock_users(
        &self,
        credential: &Credential,
        phone_number_id: &str,
        users: &[User<'_>],
    ) -> Result<Blocks, Failure> {
        self.list_users(Method::DELETE, credential, phone_number_id, users).await
    }

    async fn list_users(
        &self,
        method: Method,
        credential: &Credential,
        phone_number_id: &str,
        users: &[User<'_>],
    ) -> Result<Blocks, Failure> {
        let path = [digits(phone_number_id)?, "block_users"];
        let users: Vec<Value> = users
            .iter()
            .map(|user| match user {
                User::Phone(phone) => json!({ "user": phone }),
                User::UserId(id) => json!({ "user_id": id }),
            })
            .collect();
        let body = json!({ "messaging_product": "whatsapp", "block_users": users });
        let answer = self.exchange(Call { body: Body::Json(&body), ..Call::new(method, &path, credential) }).await?;
        answer_of(answer)
    }
}

/// Where some users could not be served, Meta answers an error (139100) beside the lists.
fn answer_of(answer: Answer) -> Result<Blocks, Failure> {
    let http = answer.http;
    match Blocks::read(http, &answer.body) {
        Some(blocks) => Ok(blocks),
        None => answer.good().and(Err(Failure::unreadable(http, "it says nothing of the users"))),
    }
}
