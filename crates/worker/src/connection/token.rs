//! The token: whose it is, what it may do, and when it ends.

use jiff::Timestamp;
use model::connection::{How, Trouble};
use whatsapp::graph::{Failure, TokenInfo};

use super::desk::{Came, Desk};
use super::trouble;

/// What a token must be allowed to do.
const MESSAGING: &str = "whatsapp_business_messaging";
const MANAGEMENT: &str = "whatsapp_business_management";

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
                return Trouble { advice, whose_move: "organization".into(), ..trouble::refused(&error) }.into();
            }
            _ => return Failure::Refused(error).into(),
        },
        Err(failure) => return failure.into(),
    };
    let now = desk.now();
    if let Err(why) = check(&info, &app.id, now) {
        return why.into();
    }
    if let Err(why) = choose_account(desk, &info) {
        return why.into();
    }
    let learned = &mut desk.job.learned;
    learned.token_app_id = Some(app.id.clone());
    learned.token_expires_at = info.expires_at.and_then(|second| Timestamp::from_second(second).ok());
    learned.token_checked_at = Some(now);
    match learned.token_expires_at {
        None => Came::done(
            format!("A token of App {} that does not expire.", app.id),
            format!("Un token de la App {} que no caduca.", app.id),
        ),
        Some(end) => Came::done(
            format!("A token of App {} that expires on {end}.", app.id),
            format!("Un token de la App {} que caduca el {end}.", app.id),
        ),
    }
}

/// Whether the token is good for anything, and for what is needed.
fn check(info: &TokenInfo, app_id: &str, now: Timestamp) -> Result<(), Trouble> {
    if info.expires_at.is_some_and(|end| end <= now.as_second()) {
        return Err(trouble::ours(
            "token_expired",
            "The token has expired.",
            "Make a new token, best one of a system user that does not expire, and try again with it.",
            "Crea un token nuevo, mejor uno de un usuario del sistema que no caduque, y vuelve a intentarlo con él.",
            "organization",
        ));
    }
    if !info.is_valid {
        return Err(info.error.as_ref().map_or_else(worthless, trouble::refused));
    }
    if let Some(other) = info.app_id.as_deref().filter(|other| *other != app_id) {
        return Err(of_another_app(app_id, Some(other)));
    }
    let missing: Vec<&str> = [MESSAGING, MANAGEMENT].into_iter().filter(|scope| !has(info, scope)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(trouble::ours(
        "token_lacks_permission",
        format!("The token lacks {missing}."),
        format!("Make a token with the permission {missing} for this account, and try again with it."),
        format!("Crea un token con el permiso {missing} para esta cuenta, y vuelve a intentarlo con él."),
        "organization",
    ))
}

/// Meta lists a permission flat, bound to accounts, or both.
fn has(info: &TokenInfo, scope: &str) -> bool {
    info.scopes.iter().any(|has| has == scope) || info.granular_scopes.iter().any(|has| has.scope == scope)
}

/// An account that a browser names is believed only if the token names it too; where nobody names one, it is the token's
/// newest.
fn choose_account(desk: &mut Desk<'_>, info: &TokenInfo) -> Result<(), Trouble> {
    let signup = desk.job.connection.how == How::Signup;
    let named: Vec<&str> = info
        .granular_scopes
        .iter()
        .filter(|has| has.scope == MANAGEMENT)
        .flat_map(|has| &has.target_ids)
        .map(String::as_str)
        .collect();
    let connection = &mut desk.job.connection;
    if signup && connection.waba_id.is_none() {
        connection.waba_id = named.first().map(|waba| (*waba).to_owned());
    }
    let Some(waba_id) = connection.waba_id.as_deref() else { return Err(trouble::no_account()) };
    let reaches = [MESSAGING, MANAGEMENT].into_iter().all(|scope| info.may(scope, waba_id));
    if reaches && (!signup || named.contains(&waba_id)) {
        return Ok(());
    }
    let of = if named.is_empty() { "-".to_owned() } else { named.join(", ") };
    Err(trouble::ours(
        "token_of_another_account",
        format!("The token does not open account {waba_id}, but: {of}."),
        "Check the waba_id, or give the token's system user access to this account in Meta's business settings.",
        "Revisa el waba_id, o da al usuario del sistema del token acceso a esta cuenta en la configuración del negocio en \
         Meta.",
        "organization",
    ))
}

fn worthless() -> Trouble {
    trouble::ours(
        "token_invalid",
        "Meta says that the token is not valid.",
        "Make a new token, and try again with it.",
        "Crea un token nuevo, y vuelve a intentarlo con él.",
        "organization",
    )
}

fn of_another_app(app_id: &str, other: Option<&str>) -> Trouble {
    let (of, de) = match other {
        Some(other) => (format!("App {other}"), format!("la App {other}")),
        None => ("another App".to_owned(), "otra App".to_owned()),
    };
    trouble::ours(
        "token_of_another_app",
        format!("The token belongs to {of}, not to App {app_id}."),
        format!(
            "The token was made with {of}, and the webhooks of this number are to come through App {app_id}. Make the token \
             with App {app_id}; or add its own App with wazapp app add, and name that one (app_id, --app)."
        ),
        format!(
            "El token se creó con {de}, y los webhooks de este número deben llegar por la App {app_id}. Crea el token con la \
             App {app_id}; o agrega la otra con wazapp app add, y nómbrala (app_id, --app)."
        ),
        "organization",
    )
}

#[cfg(test)]
mod tests {
    use model::connection::Code;
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
        let ours = |word: &'static str| Some(Code::Ours(word.into()));
        assert_eq!(code(good.clone()), None);
        assert_eq!(code(with("app_id", json!("2"))), ours("token_of_another_app"));
        assert_eq!(code(with("expires_at", json!(1_794_999_999))), ours("token_expired"));
        assert_eq!(code(with("is_valid", json!(false))), ours("token_invalid"));
        assert_eq!(code(with("scopes", json!([MESSAGING]))), ours("token_lacks_permission"));
        let mut dead = with("is_valid", json!(false));
        dead["error"] = json!({ "code": 190, "message": "gone" });
        assert_eq!(code(dead), Some(Code::Meta(190)));
        // Bound permissions count as well as flat ones.
        let mut bound = with("scopes", json!([]));
        bound["granular_scopes"] = json!([{ "scope": MESSAGING, "target_ids": ["7"] }, { "scope": MANAGEMENT }]);
        assert_eq!(code(bound), None);
    }
}
