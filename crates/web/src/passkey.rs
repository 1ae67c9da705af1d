//! Passkeys: what browsers are asked, and whether they answer it. <https://www.w3.org/TR/webauthn-3/>

use http::HeaderMap;
use model::CommitError;
use model::database::{DatabaseError, Operator, Result};
use model::passkey::{self, Purpose};
use model::user::{self, User};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer};
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder,
};

use crate::State;
use crate::serve::Client;
use crate::session::{Entry, enter_as};

/// This server as authenticators know it: by the host that others call it. `None`: it has no name, or no HTTPS, and browsers
/// offer no passkeys there.
pub(crate) fn relying_party(state: &State) -> Option<Webauthn> {
    let origin: Url = state.public_url.parse().ok()?;
    let host = origin.domain()?.to_owned();
    if origin.scheme() != "https" && host != "localhost" {
        return None;
    }
    let builder = WebauthnBuilder::new(&host, &origin).ok()?.rp_name("wazapp");
    // On a laptop any port is this one's; browsers keep passkeys by host alone.
    builder.allow_any_port(host == "localhost").build().ok()
}

/// Asks a browser to make a passkey of this person's.
pub(crate) async fn ask_to_register(
    party: &Webauthn,
    tx: &Operator,
    now: jiff::Timestamp,
    user: &User,
) -> Result<Option<Value>> {
    let known = passkey::credential_ids(tx, user.id).await?.into_iter().collect();
    let email = user.email.as_str();
    let Ok((options, asked)) = party.start_passkey_registration(user.id, email, &user.name, Some(known)) else {
        return Ok(None);
    };
    let mut options = json!(options);
    // It is to be found without a name being typed.
    options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("required");
    options["publicKey"]["authenticatorSelection"]["requireResidentKey"] = json!(true);
    let question = passkey::ask(tx, now, Purpose::Register, Some(user.id), &json!(asked).to_string()).await?;
    Ok(Some(asked_of(&question, &options)))
}

/// Keeps the passkey that a browser made. False: it is no answer to what was asked, or is kept already.
pub(crate) async fn register(
    party: &Webauthn,
    tx: &Operator,
    now: jiff::Timestamp,
    user: &User,
    answer: &Answer<RegisterPublicKeyCredential>,
    name: &str,
) -> Result<bool> {
    let asked = passkey::answered(tx, now, Purpose::Register, Some(user.id), &answer.question).await?;
    let Some(asked) = asked else { return Ok(false) };
    let asked: PasskeyRegistration = read(&asked, "passkey_ceremony.state")?;
    let Ok(made) = party.finish_passkey_registration(&answer.credential, &asked) else { return Ok(false) };
    let kept = passkey::add(tx, now, user.id, made.cred_id().as_ref(), &json!(made).to_string(), name).await?;
    Ok(kept.is_some())
}

/// Asks a browser to show any passkey of this server's.
pub(crate) async fn ask_to_sign_in(party: &Webauthn, tx: &Operator, now: jiff::Timestamp) -> Result<Option<Value>> {
    let Ok((options, asked)) = party.start_discoverable_authentication() else { return Ok(None) };
    let question = passkey::ask(tx, now, Purpose::SignIn, None, &json!(asked).to_string()).await?;
    Ok(Some(asked_of(&question, &json!(options))))
}

/// Signs in whoever's passkey a browser shows. Where somebody is half-way in (`due`), it must be theirs.
pub(crate) async fn sign_in(
    state: &State,
    party: &Webauthn,
    client: Option<&Client>,
    headers: &HeaderMap,
    due: Option<&User>,
    answer: &Answer<PublicKeyCredential>,
) -> Result<Option<Entry>> {
    let now = state.clock.now();
    // Used up first, whatever comes of it: no question is answered twice.
    let tx = state.database.people().await?;
    let asked = passkey::answered(&tx, now, Purpose::SignIn, None, &answer.question).await?;
    tx.commit().await.map_err(CommitError::in_job)?;
    let Some(asked) = asked else { return Ok(None) };
    let tx = state.database.people().await?;
    let Some(user) = whose(party, &tx, now, &asked, &answer.credential).await? else { return Ok(None) };
    if due.is_some_and(|due| due.id != user.id) {
        return Ok(None);
    }
    let entry = enter_as(state, &tx, client, headers, &user, true).await?;
    tx.commit().await.map_err(CommitError::in_job)?;
    Ok(Some(entry))
}

/// Whose passkey it is, if it answers what was asked; its counter only goes up.
async fn whose(
    party: &Webauthn,
    tx: &Operator,
    now: jiff::Timestamp,
    asked: &str,
    shown: &PublicKeyCredential,
) -> Result<Option<User>> {
    let Ok((user_id, credential_id)) = party.identify_discoverable_authentication(shown) else { return Ok(None) };
    let Some((id, kept)) = passkey::shown(tx, user_id, credential_id).await? else { return Ok(None) };
    let mut kept: Passkey = read(&kept, "passkey.credential")?;
    let asked: DiscoverableAuthentication = read(asked, "passkey_ceremony.state")?;
    let Ok(proved) = party.finish_discoverable_authentication_v2(shown, asked, &kept) else { return Ok(None) };
    kept.update_credential(&proved);
    passkey::used(tx, now, user_id, id, &json!(kept).to_string()).await?;
    Ok(user::get(tx, user_id).await?.map(|(user, _)| user))
}

/// What a browser sends back.
#[derive(serde::Deserialize)]
pub(crate) struct Answer<C> {
    /// Which question it answers.
    #[serde(deserialize_with = "secret")]
    pub(crate) question: SecretString,
    /// With what.
    pub(crate) credential: C,
}

/// A text that is kept apart as soon as it is read.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// A question as the page's script reads it. The browser's own form of "when a field is touched" is not ours: a button is.
fn asked_of(question: &SecretString, options: &Value) -> Value {
    json!({ "question": question.expose_secret(), "publicKey": options["publicKey"] })
}

fn read<T: DeserializeOwned>(text: &str, column: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|why| DatabaseError::UnknownShape { column, why })
}
