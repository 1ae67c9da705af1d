//! Objects by an id of their own: a medium, a template or a form, as far as it is the organization's.
//!
//! That Meta shows one to a token is not enough: tokens open accounts of others, and accounts are shared. It is taken where
//! rows of ours know it, or where it stands in an account of the organization's, and for a form in one that is nobody
//! else's.

use http::Method;
use model::at_meta::{self, Made};
use model::link::{self, By, Link};
use serde_json::Value;
use whatsapp::graph::{Credential, Relayed, TemplateQuery};

use super::call::Call;
use super::error::GraphError;
use super::relay::{Carried, relay, shown_here};
use super::table::Object;

/// Meta's code for what is not there, among other things.
const INVALID: i64 = 100;

/// So many of one name there are at most: one a language.
const LANGUAGES: usize = 200;

/// One that is the organization's.
pub(super) struct Owned {
    pub(super) kind: Kind,
    /// What opened it.
    pub(super) link: Link,
    pub(super) credential: Credential,
    /// As Meta shows it.
    pub(super) shown: Relayed,
}

/// What an id names that is neither a number nor an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Media,
    Object(Object),
}

/// What our rows know of an id.
enum Known {
    Media,
    Template(String),
    Flow,
    Nothing,
}

/// The organization's object of this id.
pub(super) async fn find(call: &Call, id: &str) -> Result<Owned, GraphError> {
    let known = known(call, id).await?;
    let links = match &known {
        Known::Template(waba_id) => call.link(By::Waba(waba_id)).await?.into_iter().collect(),
        _ => call.links().await?,
    };
    let First { link, credential, shown } = first(call, &links, Ask::Show(id)).await?;
    let not_there = || GraphError::no_such_object(&call.method, id);
    let kind = kind(&shown.body).ok_or_else(not_there)?;
    let own = match (kind, &known) {
        (Kind::Media, Known::Media)
        | (Kind::Object(Object::Template), Known::Template(_))
        | (Kind::Object(Object::Flow), Known::Flow) => true,
        (Kind::Object(Object::Template), Known::Nothing) => is_listed(call, &links, id, &shown.body).await?,
        (Kind::Object(Object::Flow), Known::Nothing) => is_of_own_account(call, &links, &credential, id).await?,
        _ => false,
    };
    if own { Ok(Owned { kind, link, credential, shown }) } else { Err(not_there()) }
}

async fn known(call: &Call, id: &str) -> Result<Known, GraphError> {
    let tx = call.begin().await?;
    let known = if at_meta::foreign_media(&tx, &[id]).await?.is_empty() {
        Known::Media
    } else if let Some(waba_id) = at_meta::template_account(&tx, id).await? {
        Known::Template(waba_id)
    } else if at_meta::has_made(&tx, Made::Flow, id).await? {
        Known::Flow
    } else {
        Known::Nothing
    };
    tx.close();
    Ok(known)
}

/// Whether a template stands in the list of one of the organization's accounts: one that was made elsewhere a moment ago.
async fn is_listed(call: &Call, links: &[Link], id: &str, shown: &Value) -> Result<bool, GraphError> {
    let query = TemplateQuery { name: shown["name"].as_str(), fields: Some("id,name"), ..TemplateQuery::default() };
    for link in links {
        let listed = call.state.graph.templates(&call.credential(link)?, &link.waba_id, query, LANGUAGES).await;
        if listed.is_ok_and(|listed| listed.iter().any(|template| template.id == id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a form stands in an account of the organization's in which nobody else has a number here.
async fn is_of_own_account(call: &Call, links: &[Link], credential: &Credential, id: &str) -> Result<bool, GraphError> {
    let query = [("fields", "whatsapp_business_account")];
    let asked = call.state.graph.relay(credential, Method::GET, &[id], &query, None).await?;
    let account = asked.body["whatsapp_business_account"]["id"].as_str();
    let Some(link) = links.iter().find(|link| account == Some(link.waba_id.as_str())) else { return Ok(false) };
    let tx = call.operator().await?;
    let shared = link::any_organization_shares(&tx, &call.scope, &link.waba_id).await?;
    tx.close();
    Ok(!shared)
}

/// What the first token that opens something showed.
pub(super) struct First {
    pub(super) link: Link,
    pub(super) credential: Credential,
    pub(super) shown: Relayed,
}

/// The first of the organization's tokens that opens something.
pub(super) async fn first(call: &Call, links: &[Link], ask: Ask<'_>) -> Result<First, GraphError> {
    let mut refused = None;
    for link in links {
        let asked = match call.credential(link) {
            Ok(credential) => ask.with(call, &credential).await.map(|relayed| (credential, relayed)),
            Err(error) => Err(error),
        };
        match asked {
            Ok((credential, shown)) if (200..300).contains(&shown.http) => {
                return Ok(First { link: link.clone(), credential, shown });
            }
            // Whoever sees no such thing says less than who cannot look.
            Ok((_, relayed)) => match GraphError::relayed(&relayed).filter(|_| relayed.code() != Some(INVALID)) {
                Some(error) => refused = Some(error),
                None => refused = refused.or_else(|| Some(ask.no_such_object(call))),
            },
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| ask.no_such_object(call)))
}

/// What tokens are tried at.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    /// The call itself.
    Call,
    /// What an id names, without fields: what Meta shows then tells its kind.
    Show(&'a str),
}

impl Ask<'_> {
    fn no_such_object(self, call: &Call) -> GraphError {
        match self {
            Self::Call => call.no_such_object(),
            Self::Show(id) => GraphError::no_such_object(&call.method, id),
        }
    }

    async fn with(self, call: &Call, credential: &Credential) -> Result<Relayed, GraphError> {
        let Self::Show(id) = self else {
            return relay(call, credential, &Carried::Nothing).await;
        };
        let number = call.text("phone_number_id").map(|id| ("phone_number_id", id));
        let query: Vec<_> = number.into_iter().collect();
        let mut shown = call.state.graph.relay(credential, Method::GET, &[id], &query, None).await?;
        shown_here(&mut shown, call)?;
        Ok(shown)
    }
}

/// What an object is, by what Meta shows of it. Accounts, numbers and portfolios have none of these.
fn kind(shown: &Value) -> Option<Kind> {
    let has = |name: &str| !shown[name].is_null();
    if has("url") && has("mime_type") {
        Some(Kind::Media)
    } else if has("language") && has("category") {
        Some(Kind::Object(Object::Template))
    } else if has("categories") && has("status") {
        Some(Kind::Object(Object::Flow))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_recognized_is_answered_for() {
        assert_eq!(kind(&json!({ "url": "https://…", "mime_type": "image/png", "id": "1" })), Some(Kind::Media));
        let template = json!({ "name": "a", "language": "es", "category": "UTILITY", "id": "1" });
        assert_eq!(kind(&template), Some(Kind::Object(Object::Template)));
        let flow = json!({ "id": "1", "name": "a", "status": "DRAFT", "categories": ["OTHER"] });
        assert_eq!(kind(&flow), Some(Kind::Object(Object::Flow)));
        for other in [
            json!({ "id": "1", "name": "A portfolio" }),
            json!({ "id": "1", "verified_name": "A", "display_phone_number": "+1", "quality_rating": "GREEN" }),
            json!({ "id": "1", "name": "A", "timezone_id": "1", "message_template_namespace": "a" }),
        ] {
            assert_eq!(kind(&other), None, "{other}");
        }
    }
}
