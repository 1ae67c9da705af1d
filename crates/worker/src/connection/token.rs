//! The token: whose it is, what it may do, and when it ends.

use jiff::Timestamp;
use model::connection::How;
use model::trouble::{Trouble, WhoseMove, Word, Words};
use whatsapp::graph::{Failure, TokenInfo};

use super::desk::{Came, Desk};
use super::{number, trouble};

/// What a token is meant to be allowed to do, and what Embedded Signup's tokens carry in the place of the second.
const MESSAGING: &str = "whatsapp_business_messaging";
const MANAGEMENT: &str = "whatsapp_business_management";
const EVENTS: &str = "whatsapp_business_manage_events";

/// The numbers of so many accounts are listed where one has to be chosen.
const LISTED: usize = 20;

/// Asks Meta about the token, with the App's own.
pub(super) async fn look(desk: &mut Desk<'_>) -> Came {
    let Some(app) = desk.app().await else {
        if let Some(named) = &desk.job.connection.app_id {
            return trouble::unknown_app(named).into();
        }
        return Came::skipped(
            "No App id is configured (WAZAPP_META_APP_ID with WAZAPP_META_APP_SECRET), so Meta was not asked about the \
             token itself.",
            "No hay id de App configurado (WAZAPP_META_APP_ID con WAZAPP_META_APP_SECRET), así que no se preguntó a Meta \
             por el token.",
        );
    };
    let token = match desk.token() {
        Ok(token) => token,
        Err(why) => return why.into(),
    };
    let info = match desk.settings.to_meta.graph.debug_token(&app.id, &app.secret, &token).await {
        Ok(info) => info,
        Err(Failure::Refused(error)) => match error.code {
            101 | 190 => return trouble::wrong_secret(&app.id, &error).into(),
            100 => {
                let advice = of_another_app(&app.id, None).advice;
                return trouble::refused(&error).advising(advice).for_whom(WhoseMove::Organization).into();
            }
            _ => return Failure::Refused(error).into(),
        },
        Err(failure) => return failure.into(),
    };
    let now = desk.now();
    if let Err(why) = check(&info, &app.id, now) {
        return why.into();
    }
    desk.job.learned.token_app_id = Some(app.id.clone());
    let named = named(&info);
    if let Some(several) = choose_account(desk, &named).await {
        return several;
    }
    let warning = match doubt(desk, &info, &named).await {
        Ok(warning) => warning,
        Err(came) => return came,
    };
    let learned = &mut desk.job.learned;
    learned.token_expires_at = info.expires_at.and_then(|second| Timestamp::from_second(second).ok());
    learned.token_checked_at = Some(now);
    let detail = match learned.token_expires_at {
        None => Words::new(
            format!("A token of App {} that does not expire.", app.id),
            format!("Un token de la App {} que no caduca.", app.id),
        ),
        Some(end) => Words::new(
            format!("A token of App {} that expires on {end}.", app.id),
            format!("Un token de la App {} que caduca el {end}.", app.id),
        ),
    };
    match warning {
        None => Came::Done(detail),
        Some(warning) => Came::Warned(detail, warning.into()),
    }
}

/// Whether the token is good for anything.
fn check(info: &TokenInfo, app_id: &str, now: Timestamp) -> Result<(), Box<Trouble>> {
    if info.expires_at.is_some_and(|end| end <= now.as_second()) {
        return Err(trouble::ours(
            Word::TokenExpired,
            "The token has expired.",
            "Make a new token, best one of a system user that does not expire, and try again with it.",
            "Crea un token nuevo, mejor uno de un usuario del sistema que no caduque, y vuelve a intentarlo con él.",
            WhoseMove::Organization,
        )
        .into());
    }
    if !info.is_valid {
        return Err(info.error.as_ref().map_or_else(worthless, trouble::refused).into());
    }
    match info.app_id.as_deref().filter(|other| *other != app_id) {
        Some(other) => Err(of_another_app(app_id, Some(other)).into()),
        None => Ok(()),
    }
}

/// The accounts that the token's words name, in Meta's order. Where it names none, it may still open some.
fn named(info: &TokenInfo) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for scope in [MANAGEMENT, MESSAGING, EVENTS] {
        for id in info.granular_scopes.iter().filter(|has| has.scope == scope).flat_map(|has| &has.target_ids) {
            if !named.contains(id) {
                named.push(id.clone());
            }
        }
    }
    named
}

/// Takes the account of a sign-up where nobody named one and the token opens one alone; of several, a person chooses.
async fn choose_account(desk: &mut Desk<'_>, named: &[String]) -> Option<Came> {
    if desk.job.connection.waba_id.is_some() {
        return None;
    }
    match named {
        [only] if desk.job.connection.how == How::Signup => {
            desk.job.connection.waba_id = Some(only.clone());
            None
        }
        [] | [_] => Some(trouble::no_account().into()),
        several => Some(match list(desk, several).await {
            Ok(listed) => several_accounts(several.len(), &listed).into(),
            Err(came) => came,
        }),
    }
}

/// Each account with its numbers, in words.
async fn list(desk: &Desk<'_>, accounts: &[String]) -> Result<String, Came> {
    let credential = desk.credential()?;
    let mut listed = Vec::new();
    for waba_id in accounts.iter().take(LISTED) {
        let numbers = match desk.settings.to_meta.graph.numbers_of(&credential, waba_id, number::NAMES).await {
            Ok(numbers) if numbers.is_empty() => "no numbers".to_owned(),
            Ok(numbers) => numbers.iter().map(number::shown).collect::<Vec<_>>().join("; "),
            Err(failure @ Failure::Refused(_)) => format!("not shown: {failure}"),
            Err(failure) => return Err(failure.into()),
        };
        listed.push(format!("{waba_id}: {numbers}"));
    }
    listed.extend((accounts.len() > LISTED).then(|| format!("and {} more", accounts.len() - LISTED)));
    Ok(listed.join(" | "))
}

fn several_accounts(many: usize, listed: &str) -> Trouble {
    trouble::ours(
        Word::SeveralAccounts,
        format!("The token opens {many} accounts, and the browser did not say which: {listed}."),
        "Retry with the waba_id of the one to connect, and the phone_number_id where it has several numbers.",
        "Reintenta con el waba_id de la que quieres conectar, y el phone_number_id si tiene varios números.",
        WhoseMove::Organization,
    )
}

/// What the token's words leave open, a call shows: whether it opens the account. Words that lack although it does are
/// told, since Meta gives out tokens with other words than it asks for.
async fn doubt(desk: &Desk<'_>, info: &TokenInfo, named: &[String]) -> Result<Option<Trouble>, Came> {
    let waba_id = desk.waba_id()?;
    let lacking: Vec<&str> = [MESSAGING, MANAGEMENT].into_iter().filter(|scope| !has(info, scope)).collect();
    let elsewhere = !named.is_empty() && !named.iter().any(|id| id == waba_id);
    if lacking.is_empty() && !elsewhere {
        return Ok(None);
    }
    match desk.settings.to_meta.graph.numbers_of(&desk.credential()?, waba_id, &["id"]).await {
        Ok(_) => {}
        Err(failure) if trouble::may_pass(&failure) => return Err(failure.into()),
        Err(Failure::Refused(_)) if elsewhere => return Err(of_another_account(waba_id, named).into()),
        Err(Failure::Refused(error)) if lacking.contains(&MANAGEMENT) && !error.is_missing_object() => {
            return Err(lacks(&lacking.join(", ")).into());
        }
        // What Meta has against the account is told where the number is looked for in it.
        Err(Failure::Refused(_)) => {}
        Err(failure) => return Err(failure.into()),
    }
    Ok(Some(if lacking.is_empty() { unnamed_account(waba_id, named) } else { unnamed(&lacking.join(", ")) }))
}

/// Meta lists a permission flat, bound to accounts, or both.
fn has(info: &TokenInfo, scope: &str) -> bool {
    info.scopes.iter().any(|has| has == scope) || info.granular_scopes.iter().any(|has| has.scope == scope)
}

fn of_another_account(waba_id: &str, named: &[String]) -> Trouble {
    trouble::ours(
        Word::TokenOfAnotherAccount,
        format!("The token does not open account {waba_id}, but: {}.", named.join(", ")),
        "Retry with the right waba_id, or give the token's system user access to this account in Meta's business settings.",
        "Reintenta con el waba_id correcto, o da al usuario del sistema del token acceso a esta cuenta en la configuración \
         del negocio en Meta.",
        WhoseMove::Organization,
    )
}

fn unnamed_account(waba_id: &str, named: &[String]) -> Trouble {
    trouble::ours(
        Word::AccountNotNamed,
        format!("The token opens account {waba_id}, though Meta names it for {} alone.", named.join(", ")),
        "It works now. If Meta refuses something later, give the token's system user access to this account.",
        "Ahora funciona. Si Meta rechaza algo más adelante, da al usuario del sistema del token acceso a esta cuenta.",
        WhoseMove::Organization,
    )
}

fn lacks(missing: &str) -> Trouble {
    trouble::ours(
        Word::TokenLacksPermission,
        format!("The token lacks {missing}, and does not open the account."),
        format!("Make a token with the permission {missing} for this account, and try again with it."),
        format!("Crea un token con el permiso {missing} para esta cuenta, y vuelve a intentarlo con él."),
        WhoseMove::Organization,
    )
}

fn unnamed(missing: &str) -> Trouble {
    trouble::ours(
        Word::TokenLacksPermission,
        format!("Meta does not name {missing} among the token's permissions."),
        format!(
            "What was tried works. If Meta refuses to send or to show something, make a token with {missing} for this \
             account."
        ),
        format!(
            "Lo que se probó funciona. Si Meta rechaza enviar o mostrar algo, crea un token con {missing} para esta cuenta."
        ),
        WhoseMove::Organization,
    )
}

fn worthless() -> Trouble {
    trouble::ours(
        Word::TokenInvalid,
        "Meta says that the token is not valid.",
        "Make a new token, and try again with it.",
        "Crea un token nuevo, y vuelve a intentarlo con él.",
        WhoseMove::Organization,
    )
}

fn of_another_app(app_id: &str, other: Option<&str>) -> Trouble {
    let (of, de) = match other {
        Some(other) => (format!("App {other}"), format!("la App {other}")),
        None => ("another App".to_owned(), "otra App".to_owned()),
    };
    trouble::ours(
        Word::TokenOfAnotherApp,
        format!("The token belongs to {of}, not to App {app_id}."),
        format!(
            "The token was made with {of}, and the webhooks of this number are to come through App {app_id}. Make the token \
             with App {app_id}; or add its own App with wazapp app add, and name that one (app_id, --app)."
        ),
        format!(
            "El token se creó con {de}, y los webhooks de este número deben llegar por la App {app_id}. Crea el token con la \
             App {app_id}; o agrega la otra con wazapp app add, y nómbrala (app_id, --app)."
        ),
        WhoseMove::Organization,
    )
}

#[cfg(test)]
mod tests {
    use model::trouble::Code;
    use serde_json::{Value, json};

    use super::*;

    fn info(data: Value) -> TokenInfo {
        TokenInfo::read(&json!({ "data": data })).expect("data")
    }

    fn code(data: Value) -> Option<Code> {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        check(&info(data), "1", now).err().map(|why| why.code)
    }

    #[test]
    fn a_token_is_looked_at_from_every_side() {
        let good = json!({ "app_id": "1", "is_valid": true, "expires_at": 0, "scopes": [MESSAGING, MANAGEMENT] });
        let with = |key: &str, value: Value| {
            let mut data = good.clone();
            data[key] = value;
            data
        };
        let ours = |word| Some(Code::Ours(word));
        assert_eq!(code(good.clone()), None);
        assert_eq!(code(with("app_id", json!("2"))), ours(Word::TokenOfAnotherApp));
        assert_eq!(code(with("expires_at", json!(1_794_999_999))), ours(Word::TokenExpired));
        assert_eq!(code(with("is_valid", json!(false))), ours(Word::TokenInvalid));
        assert_eq!(code(with("scopes", json!([]))), None, "what it may do, calls show");
        let mut dead = with("is_valid", json!(false));
        dead["error"] = json!({ "code": 190, "message": "gone" });
        assert_eq!(code(dead), Some(Code::Meta(190)));
    }

    #[test]
    fn accounts_are_named_by_any_of_its_words_and_perhaps_by_none() {
        let bound = info(json!({ "granular_scopes": [
            { "scope": EVENTS, "target_ids": ["7", "8"] }, { "scope": MESSAGING, "target_ids": ["8"] },
            { "scope": "business_management", "target_ids": ["9"] }, { "scope": MANAGEMENT },
        ] }));
        assert_eq!(named(&bound), ["8", "7"]);
        assert!(has(&bound, MANAGEMENT) && !has(&bound, "public_profile"));
        assert!(named(&info(json!({ "scopes": [MESSAGING] }))).is_empty());
    }
}
