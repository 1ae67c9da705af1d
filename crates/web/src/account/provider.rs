//! `/login/provider`: to the identity provider, and back.

use axum::Extension;
use axum::extract::{self, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use model::provider_account;
use model::sign_in::{self, Attempt};
use serde::Deserialize;

use super::arrival::{Arrival, Arrived, NotLetIn, arrive};
use super::{come_in, wait};
use crate::pages::{Failure, Key, Notice, OwnPath, Page, Said, UNTOLD, say, shown};
use crate::provider::{Flow, Provider, Silence, Told};
use crate::serve::Client;
use crate::session::address_of;
use crate::{State, cookie};

/// How to go on by the provider.
pub(crate) struct Way {
    /// What people call it.
    pub(crate) name: String,
    /// Where it begins.
    pub(crate) href: String,
}

impl Way {
    /// That leads here in the end; `None`: this server has no provider.
    pub(crate) fn to(provider: Option<&Provider>, next: &OwnPath) -> Option<Self> {
        let encoded: String = form_urlencoded::byte_serialize(next.as_str().as_bytes()).collect();
        provider
            .map(|provider| Self { name: provider.name().to_owned(), href: format!("/login/provider?next={encoded}") })
    }
}

/// Where to go on.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    next: Option<OwnPath>,
}

/// Sends the browser to the provider, with what it is asked for when it comes back.
pub(super) async fn begin(
    extract::State(state): extract::State<State>,
    page: Page,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let provider = state.provider.as_ref().ok_or(Failure::NotThere)?;
    let next = asked.next.unwrap_or_else(OwnPath::inbox);
    if is_led_here(&headers) {
        // Somebody else's page signs nobody in, and has nobody accept an invitation: a person looks first.
        let encoded: String = form_urlencoded::byte_serialize(next.as_str().as_bytes()).collect();
        return Ok(Redirect::to(&format!("/login?next={encoded}")).into_response());
    }
    let flow = Flow::begin(state.clock.now(), &next);
    let url = match provider.authorization_url(&flow).await {
        Ok(url) => url,
        Err(silence) => return Ok(refused(&state, page, &next, &silence.into())),
    };
    let tx = state.database.people().await?;
    let kept = flow.seal(&tx, &state.keyring).await?;
    tx.close();
    let answer = ([UNTOLD, (SET_COOKIE, cookie::set_flow(&state, &kept))], Redirect::to(&url));
    Ok(answer.into_response())
}

/// Whether a page of somebody else's led here. Browsers that do not say so are old ones.
fn is_led_here(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// What the provider sends the browser back with.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    state: String,
    code: Option<String>,
    /// The provider's name for itself, where it says so: <https://www.rfc-editor.org/rfc/rfc9207>
    iss: Option<String>,
}

/// Why somebody who came back is not signed in.
pub(super) enum Refusal {
    /// It is not this browser's flow, or one that ended.
    Lost,
    /// They, or the provider, did not want it.
    Declined,
    /// The provider did not say who they are.
    Silent(Silence),
    /// Too many came from there.
    Wait(SignedDuration),
    /// They are known, and come in all the same not.
    NotLetIn(NotLetIn),
}

impl From<Silence> for Refusal {
    fn from(silence: Silence) -> Self {
        Self::Silent(silence)
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Lost | Self::Declined => StatusCode::BAD_REQUEST,
            Self::Silent(Silence::Away) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Silent(Silence::Doubtful) | Self::NotLetIn(_) => StatusCode::FORBIDDEN,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Its title, and whose move it is.
    fn words(&self) -> (Key, Key) {
        match self {
            Self::Lost | Self::Wait(_) => (Key("provider-lost-title"), Key("provider-lost")),
            Self::Declined => (Key("provider-declined-title"), Key("provider-declined")),
            Self::Silent(Silence::Away) => (Key("provider-away-title"), Key("provider-away")),
            Self::Silent(Silence::Doubtful) => (Key("provider-doubtful-title"), Key("provider-doubtful")),
            Self::NotLetIn(NotLetIn::Unverified) => (Key("provider-unverified-title"), Key("provider-unverified")),
            Self::NotLetIn(NotLetIn::Taken) => (Key("provider-taken-title"), Key("provider-taken")),
            Self::NotLetIn(NotLetIn::Unproven) => (Key("provider-unproven-title"), Key("provider-unproven")),
            Self::NotLetIn(NotLetIn::Uninvited) => (Key("provider-uninvited-title"), Key("provider-uninvited")),
        }
    }
}

#[derive(askama::Template)]
#[template(path = "account/provider.html")]
struct RefusedPage {
    page: Page,
    title: Said,
    text: Said,
    again: Option<Way>,
}

fn refused(state: &State, page: Page, next: &OwnPath, refusal: &Refusal) -> Response {
    let (title, text) = refusal.words();
    let name = state.provider.as_ref().map_or("", Provider::name);
    let say = |key| say(page.language, key).with("provider", name);
    let text = match refusal {
        Refusal::Wait(long) => wait(page.language, *long),
        _ => say(text),
    };
    let (title, again) = (say(title), Way::to(state.provider.as_ref(), next));
    ([UNTOLD], shown(refusal.status(), &RefusedPage { page, title, text, again })).into_response()
}

/// Takes the answer of the provider, once, from the browser that began.
pub(super) async fn come_back(
    extract::State(state): extract::State<State>,
    client: Option<Extension<Client>>,
    page: Page,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, Failure> {
    let provider = state.provider.as_ref().ok_or(Failure::NotThere)?;
    let kept = cookie::flow(&headers);
    let flow = kept.and_then(|kept| Flow::open(&state.keyring, &kept, state.clock.now(), &answer.state));
    // Whose answer it is not has no say: the flow that this browser has under way goes on.
    let Some(flow) = flow else { return Ok(refused(&state, page, &OwnPath::inbox(), &Refusal::Lost)) };
    let (next, client) = (flow.next(), client.map(|Extension(client)| client));
    let told = match listen(&state, provider, client.as_ref(), &flow, &answer).await? {
        Ok(told) => told,
        Err(refusal) => return Ok(over(&state, refused(&state, page, &next, &refusal))),
    };
    let arrival = Arrival { state: &state, provider, client: client.as_ref(), language: page.language, next: &next };
    let answer = match arrive(&arrival, &headers, &told).await? {
        Ok(Arrived { entry, joined: true }) => come_in(&state, &page, &entry, &OwnPath::inbox(), Some(Notice::Joined)),
        Ok(Arrived { entry, joined: false }) => come_in(&state, &page, &entry, &next, None),
        Err(reason) => refused(&state, page, &next, &Refusal::NotLetIn(reason)),
    };
    Ok(over(&state, answer))
}

/// Who the provider says came back. The flow is used up by asking.
async fn listen(
    state: &State,
    provider: &Provider,
    client: Option<&Client>,
    flow: &Flow,
    answer: &Answer,
) -> Result<Result<Told, Refusal>, Failure> {
    let address = address_of(client);
    let attempt = Attempt::Provider { address: &address };
    let tx = state.database.people().await?;
    if let Err(wait) = sign_in::attempt(&tx, state.clock.now(), &attempt).await? {
        return Ok(Err(Refusal::Wait(wait)));
    }
    let is_first = provider_account::take_answer(&tx, flow.id, flow.until).await?;
    tx.commit().await?;
    if !is_first || answer.iss.as_deref().is_some_and(|issuer| issuer != provider.issuer()) {
        return Ok(Err(Refusal::Lost));
    }
    let Some(code) = answer.code.as_deref() else { return Ok(Err(Refusal::Declined)) };
    let told = match provider.who(flow, code).await {
        Ok(told) => told,
        Err(silence) => return Ok(Err(silence.into())),
    };
    let tx = state.database.people().await?;
    sign_in::passed(&tx, &attempt).await?;
    tx.commit().await?;
    Ok(Ok(told))
}

/// The browser forgets a flow that was answered.
fn over(state: &State, mut answer: Response) -> Response {
    answer.headers_mut().append(SET_COOKIE, cookie::forget_flow(state));
    answer
}
