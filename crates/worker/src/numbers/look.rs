//! One look: what Meta shows of a number and of its token.

use jiff::{SignedDuration, Timestamp};
use model::link::Link;
use model::number_check::{Claimed, RETRY, Seen, Shown, Token};
use model::trouble::{Trouble, Word};
use secrecy::SecretString;
use whatsapp::graph::{Credential, Failure, MetaError, Number};
use whatsapp::phone;

use crate::to_meta::ToMeta;
use crate::trouble::words;

/// What is asked for.
/// <https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account-to-number-current-status>
const FIELDS: &[&str] = &[
    "display_phone_number",
    "verified_name",
    "name_status",
    "quality_rating",
    "throughput",
    "status",
    "platform_type",
    "whatsapp_business_manager_messaging_limit",
    "is_on_biz_app",
    "health_status",
    WEBHOOKS,
];

/// Where its webhooks go.
const WEBHOOKS: &str = "webhook_configuration";

/// Not every version of the Graph API knows it, and one field that it does not know spoils the whole answer.
const USERNAME: &str = "username";

/// Codes by which Meta says that it was asked too often.
const TOO_OFTEN: [i64; 4] = [4, 17, 613, 80_007];

/// It is left alone so long then.
const LEAVE_ALONE: SignedDuration = SignedDuration::from_hours(1);

/// Meta's code for a parameter that it does not know, and its subcode for an object that it does not show.
const BAD_PARAMETER: i64 = 100;
const NO_SUCH_OBJECT: i64 = 33;

/// Looks at a number.
pub(super) async fn look(to_meta: &ToMeta, claimed: &Claimed) -> Seen {
    let link = &claimed.link;
    let (token, secret) = match link.open(&to_meta.keyring, &to_meta.apps) {
        Ok(opened) => opened,
        Err(reason) => return Seen::NoEntry(Trouble::no_token(&reason).as_reason().into()),
    };
    let credential = Credential::from((token.clone(), secret));
    match number(to_meta, link, &credential).await {
        Ok(number) => {
            let token = ask_after(to_meta, link, &token).await;
            Seen::Number(Box::new(shown(&number)), token, doubt(to_meta, claimed, &credential).await)
        }
        Err(Failure::Refused(error)) => refused(&error),
        Err(_) => Seen::Nothing { wait: RETRY },
    }
}

async fn number(to_meta: &ToMeta, link: &Link, credential: &Credential) -> Result<Number, Failure> {
    let fields: Vec<&str> = FIELDS.iter().copied().chain([USERNAME]).collect();
    match to_meta.graph.number(credential, &link.phone_number_id, &fields).await {
        Err(Failure::Refused(error)) if error.code == BAD_PARAMETER && error.subcode != Some(NO_SUCH_OBJECT) => {
            to_meta.graph.number(credential, &link.phone_number_id, FIELDS).await
        }
        answer => answer,
    }
}

/// Where a webhook named another account for the number: what Meta says when it is asked. A number may be in several
/// accounts, so the one of its claim need only be among them.
async fn doubt(to_meta: &ToMeta, claimed: &Claimed, credential: &Credential) -> Option<Box<Trouble>> {
    let (link, named) = (&claimed.link, claimed.other_account.as_deref()?);
    match to_meta.graph.numbers_of(credential, &link.waba_id, &["id"]).await {
        Ok(all) if all.iter().any(|number| number.id == link.phone_number_id) => None,
        // Without an answer it stays as it was told.
        Ok(_) | Err(_) => Some(Trouble::other_account(&link.waba_id, named).into()),
    }
}

/// What an App may learn of a token; `None`: none that is known here may ask, or Meta did not answer.
async fn ask_after(to_meta: &ToMeta, link: &Link, token: &SecretString) -> Option<Token> {
    let app_id = link.token_app(&to_meta.apps)?;
    let secret = to_meta.apps.secret(app_id)?;
    let info = to_meta.graph.debug_token(app_id, &secret, token).await.ok().filter(|info| info.is_valid)?;
    let expires_at = info.expires_at.and_then(|second| Timestamp::from_second(second).ok());
    Some(Token { app_id: info.app_id, expires_at })
}

fn refused(error: &MetaError) -> Seen {
    let told = |word| {
        let advice = words(error.explanation());
        Trouble::of_look(word, (error.code, error.subcode), &error.message, advice).into()
    };
    match error.code {
        0 | 190 => Seen::NoEntry(told(Word::TokenRefused)),
        code if TOO_OFTEN.contains(&code) => Seen::Nothing { wait: LEAVE_ALONE },
        10 | 33 | 200..=299 => Seen::Hidden(told(Word::NotShown)),
        BAD_PARAMETER if error.subcode == Some(NO_SUCH_OBJECT) => Seen::Hidden(told(Word::NotShown)),
        code => {
            tracing::warn!(code, "Meta did not answer a look at a number: it is repeated later");
            Seen::Nothing { wait: RETRY }
        }
    }
}

fn shown(number: &Number) -> Shown {
    let digits = number.display_phone_number.as_deref().map(phone::digits);
    Shown {
        display_phone_number: digits.filter(|digits| !digits.is_empty()),
        verified_name: number.verified_name.clone(),
        name_status: number.name_status.clone(),
        username: number.whole.get(USERNAME).and_then(|name| name.as_str()).map(str::to_owned),
        quality_rating: number.quality_rating.clone(),
        messaging_limit: number.messaging_limit.clone(),
        throughput: number.throughput.clone(),
        platform_type: number.platform_type.clone(),
        meta_status: number.status.clone(),
        is_on_biz_app: number.is_on_biz_app,
        health: number.whole.get("health_status").cloned(),
        webhooks: number.whole.get(WEBHOOKS).filter(|shown| shown.is_object()).cloned(),
    }
}

/// What a look brought, for the metrics.
pub(super) fn word(seen: &Seen) -> &'static str {
    match seen {
        Seen::Number(..) => "seen",
        Seen::NoEntry(_) => "token_refused",
        Seen::Hidden(_) => "not_shown",
        Seen::Nothing { .. } => "no_answer",
    }
}
