//! People who are signed in.

use model::act::Role;
use model::user::{Email, Language, NewUser};
use model::{membership, session, user};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::api::answer;
use super::{Organization, World};

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their account.
    pub user_id: Uuid,
    /// By which they sign in.
    pub email: String,
    /// What their browser holds.
    pub cookie: String,
}

impl World {
    /// Makes an account without a password that works in an organization, and signs it in.
    pub async fn member(&self, organization: &Organization, role: Role) -> Person {
        let email = format!("{}@example.com", Uuid::now_v7().simple());
        let tx = self.database.operator().await.expect("a transaction");
        let typed: Email = email.parse().expect("an address");
        let (language, zone) = (Language::Es, "America/Mexico_City");
        let new = NewUser {
            email: &typed,
            name: "Marta Ruiz",
            password: None,
            is_operator: false,
            vouched: true,
            language,
            zone,
        };
        let made = user::create(&tx, self.now(), &new).await.expect("the statement runs").expect("a new address");
        membership::add(&tx, self.now(), &organization.scope, made.id, role).await.expect("a membership");
        let begun = session::NewSession { user_id: made.id, proven: true, device: "test", address: "127.0.0.1" };
        let (_, text) = session::begin(&tx, self.now(), &begun).await.expect("a session");
        tx.commit().await.expect("they are there");
        Person { user_id: made.id, email, cookie: format!("wazapp={}", text.expose_secret()) }
    }

    /// A request to a path below `/api/v1` by somebody who is signed in.
    pub async fn as_person(&self, method: Method, person: &Person, path: &str, body: Option<&Value>) -> (u16, Value) {
        let request =
            self.client.request(method, format!("{}/api/v1{path}", self.url)).header("cookie", &person.cookie);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        answer(request, path).await
    }
}
