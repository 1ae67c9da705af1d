//! The way of Meta's webhooks to this server: the account's subscription, the App's, and our own callback.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::Database;
use model::connection::{Job, State, What};
use model::database::{Operator, Result as DatabaseResult};
use model::number;
use model::trouble::{Trouble, WhoseMove, Word, Words};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;
use whatsapp::graph::{Credential, Graph, Override, SubscribedApp, Subscription};
use whatsapp::webhook::{MESSAGES, OBJECT, wanted};

use super::desk::{Came, Desk};
use super::trouble;

/// Whose callback one is, in Meta's `webhook_configuration`.
const OF_NUMBER: &str = "phone_number";
const OF_ACCOUNT: &str = "whatsapp_business_account";

/// Lets the App hear of the account, and leads the number's webhooks here if that was asked for. Meta takes a callback of
/// the account's own only from an App that hears of it; and where one is in place, a call without it would end it.
pub(super) async fn subscribe(desk: &mut Desk<'_>) -> Came {
    match lead(desk).await {
        Ok(came) | Err(came) => came,
    }
}

async fn lead(desk: &mut Desk<'_>) -> Result<Came, Came> {
    let (credential, waba_id) = (desk.credential()?, desk.waba_id()?.to_owned());
    let graph = desk.settings.to_meta.graph.clone();
    let known = graph.subscribed_apps(&credential, &waba_id).await?;
    let app = subscribed(desk, &known);
    let (heard, of_account) = (app.is_some(), app.and_then(|app| app.override_callback_uri.clone()));
    if !heard {
        graph.subscribe_app(&credential, &waba_id, None).await?;
    }
    note(desk, OF_ACCOUNT, of_account);
    let ours = desk.callback_url();
    if desk.job.wishes.override_callback {
        override_all(desk, &graph, &credential, &waba_id).await?;
        return Ok(Came::done(
            format!("The App hears of account {waba_id}, and the number's webhooks come to {ours}."),
            format!("La App recibe lo de la cuenta {waba_id}, y los webhooks del número llegan a {ours}."),
        ));
    }
    let detail = if heard {
        Words::new(
            format!("The App heard of account {waba_id} already."),
            format!("La App ya recibía lo de la cuenta {waba_id}."),
        )
    } else {
        Words::new(format!("The App hears of account {waba_id}."), format!("La App recibe lo de la cuenta {waba_id}."))
    };
    Ok(match overridden(desk).filter(|(_, url)| *url != ours) {
        None => Came::Done(detail),
        Some((level, elsewhere)) => Came::Warned(detail, goes_elsewhere(level, elsewhere, &ours).into()),
    })
}

/// Leads the account's webhooks here, and the number's where they have a callback of their own.
async fn override_all(desk: &mut Desk<'_>, graph: &Graph, credential: &Credential, waba_id: &str) -> Result<(), Came> {
    let verify_token = desk.verify_token().ok_or_else(no_verify_token)?;
    let ours = desk.callback_url();
    let here = Override { url: &ours, verify_token: verify_token.expose_secret() };
    graph.subscribe_app(credential, waba_id, Some(here)).await?;
    note(desk, OF_ACCOUNT, Some(ours.clone()));
    if overridden(desk).is_some_and(|(level, url)| level == OF_NUMBER && url != ours) {
        graph.override_number(credential, desk.phone_number_id()?, Some(here)).await?;
        note(desk, OF_NUMBER, Some(ours));
    }
    Ok(())
}

/// Notes where webhooks go of this level.
fn note(desk: &mut Desk<'_>, level: &str, url: Option<String>) {
    let webhooks = desk.job.learned.webhooks.get_or_insert_with(|| json!({}));
    match (webhooks.as_object_mut(), url) {
        (Some(webhooks), Some(url)) => _ = webhooks.insert(level.to_owned(), url.into()),
        (Some(webhooks), None) => _ = webhooks.remove(level),
        (None, _) => {}
    }
}

/// The callback that Meta takes before the App's, and whose it is.
fn overridden<'a>(desk: &'a Desk<'_>) -> Option<(&'static str, &'a str)> {
    let webhooks = desk.job.learned.webhooks.as_ref()?;
    [OF_NUMBER, OF_ACCOUNT].into_iter().find_map(|level| Some((level, webhooks.get(level)?.as_str()?)))
}

/// The number's webhooks come, in the transaction that writes the step.
pub(super) async fn keep(job: &Job, tx: &Operator, now: Timestamp) -> DatabaseResult<()> {
    let done = job.connection.steps.iter().any(|step| step.name == What::Subscribe && step.state == State::Done);
    if let Some(id) = job.connection.number_id.filter(|_| done) {
        number::led(tx, &job.scope, id, job.learned.webhooks.as_ref(), now).await?;
    }
    Ok(())
}

fn subscribed<'a>(desk: &Desk<'_>, known: &'a [SubscribedApp]) -> Option<&'a SubscribedApp> {
    let of_token = desk.job.learned.token_app_id.as_deref();
    let id = of_token.or(desk.job.connection.app_id.as_deref()).or_else(|| desk.settings.to_meta.apps.default_id())?;
    known.iter().find(|app| app.id == id)
}

fn no_verify_token() -> Trouble {
    trouble::ours(
        Word::NoVerifyToken,
        "No verify token is configured.",
        "Meta asks a callback to prove itself by a word. Set WAZAPP_META_VERIFY_TOKEN (of an App of one's own: wazapp app \
         add --verify-token), then retry.",
        "Meta pide que un callback se acredite con una palabra. Configura WAZAPP_META_VERIFY_TOKEN (de una App propia: \
         wazapp app add --verify-token), y reintenta.",
        WhoseMove::Operator,
    )
}

fn goes_elsewhere(level: &str, elsewhere: &str, ours: &str) -> Trouble {
    let (of, de) = match level {
        OF_NUMBER => ("number", "este número"),
        _ => ("account", "esta cuenta"),
    };
    trouble::ours(
        Word::WebhooksGoElsewhere,
        format!("Meta sends this {of}'s webhooks to {elsewhere}: a callback was set for the {of} itself."),
        format!(
            "Nothing that customers write arrives here. To have its webhooks come to {ours}, connect again with \
             override_callback (--override-callback)."
        ),
        format!(
            "Nada de lo que escriban los clientes llega aquí: se configuró otro callback para {de}. Para que sus webhooks \
             lleguen a {ours}, conecta otra vez con override_callback (--override-callback)."
        ),
        WhoseMove::Organization,
    )
}

/// Looks at what the App hears of, and where it is told; sets both if that was asked for.
pub(super) async fn fields(desk: &mut Desk<'_>) -> Came {
    let Some(app) = desk.app().await else {
        return Came::skipped(
            "No App id is configured (WAZAPP_META_APP_ID with WAZAPP_META_APP_SECRET), so Meta was not asked what the App \
             hears of.",
            "No hay id de App configurado (WAZAPP_META_APP_ID con WAZAPP_META_APP_SECRET), así que no se preguntó a Meta qué \
             recibe la App.",
        );
    };
    let graph = &desk.settings.to_meta.graph;
    let subscriptions = match graph.app_subscriptions(&app.id, &app.secret).await {
        Ok(subscriptions) => subscriptions,
        Err(failure) => return failure.into(),
    };
    let ours = desk.callback_url();
    let now = subscriptions.iter().find(|subscription| subscription.object == OBJECT);
    let wanted = wanted(desk.is_shared_with_phone());
    // With a callback of its own, this number's messages come here wherever the App's is.
    let overridden = desk.job.wishes.override_callback || overridden(desk).is_some_and(|(_, url)| url == ours);
    let Some(lacking) = lacking(now, &wanted, &ours, overridden) else {
        return Came::done(
            "The App hears of everything that is needed, and its webhooks come here.",
            "La App recibe todo lo necesario, y sus webhooks llegan aquí.",
        );
    };
    if !desk.job.wishes.set_webhook {
        let detail = Words::new(
            "The App's webhook subscription was looked at.",
            "Se revisó la suscripción de webhooks de la App.",
        );
        return Came::Warned(detail, lacking.into());
    }
    let Some(verify_token) = desk.verify_token() else { return no_verify_token().into() };
    let had = now.into_iter().flat_map(|now| &now.fields).map(|field| field.name.as_str());
    let all: Vec<&str> = had.chain(wanted).collect::<BTreeSet<_>>().into_iter().collect();
    match graph.set_app_subscription(&app.id, &app.secret, &ours, &verify_token, &all).await {
        Ok(()) => Came::done(
            format!("The App's webhooks were set: {} fields, to {ours}.", all.len()),
            format!("Se configuraron los webhooks de la App: {} campos, a {ours}.", all.len()),
        ),
        Err(failure) => failure.into(),
    }
}

/// What an App's subscription lacks.
fn lacking(now: Option<&Subscription>, wanted: &[&str], ours: &str, overridden: bool) -> Option<Trouble> {
    let advice = |en: String, es: String| {
        Words::new(
            format!(
                "{en} Set it in the App's dashboard under WhatsApp, Configuration, or connect with set_webhook (--set-webhook)."
            ),
            format!(
                "{es} Configúralo en el panel de la App, en WhatsApp, Configuración, o conecta con set_webhook (--set-webhook)."
            ),
        )
    };
    let trouble =
        |word: Word, message: String, advice: Words| Trouble::new(word, message, advice).for_whom(WhoseMove::Operator);
    let Some(now) = now.filter(|now| now.active) else {
        return Some(trouble(
            Word::NoSubscription,
            "The App hears of nothing: it has no webhook subscription for WhatsApp.".into(),
            advice(
                format!("Callback URL {ours}, the verify token, and the field messages."),
                format!("URL de callback {ours}, el token de verificación, y el campo messages."),
            ),
        ));
    };
    let elsewhere = now.callback_url.as_deref().filter(|url| *url != ours && !overridden);
    if let Some(elsewhere) = elsewhere {
        return Some(trouble(
            Word::WebhooksGoElsewhere,
            format!("The App's webhooks go to {elsewhere}."),
            advice(
                format!("They are to come to {ours}; another server's would then get none."),
                format!("Deben llegar a {ours}; los de otro servidor dejarían de llegarle."),
            ),
        ));
    }
    let missing: Vec<&str> =
        wanted.iter().copied().filter(|field| !now.fields.iter().any(|has| has.name == *field)).collect();
    if missing.is_empty() {
        return None;
    }
    let list = missing.join(", ");
    Some(trouble(
        if missing.contains(&MESSAGES) { Word::MessagesMissing } else { Word::FieldsMissing },
        format!("The App does not hear of: {list}."),
        advice(format!("Subscribe to these fields: {list}."), format!("Suscribe estos campos: {list}.")),
    ))
}

/// Calls our own callback as Meta does.
pub(super) async fn callback(desk: &mut Desk<'_>) -> Came {
    let Some(verify_token) = desk.verify_token() else { return no_verify_token().into() };
    let url = desk.callback_url();
    let challenge = Uuid::now_v7().as_u128().to_string();
    let shaken = desk.settings.to_meta.graph.shake_hands(&url, &verify_token, &challenge).await;
    let secure = url.starts_with("https://");
    match shaken {
        Ok(()) if secure => Came::done(format!("{url} answers."), format!("{url} responde.")),
        Ok(()) => Came::done(
            format!("{url} answers here; Meta itself calls https alone."),
            format!("{url} responde aquí; Meta solo llama por https."),
        ),
        Err(failure) if secure => trouble::ours(
            Word::CallbackFails,
            format!("{url}: {failure}."),
            "Meta could not deliver webhooks there. Check that the server runs, that its name and certificate are right, and \
             that the proxy in front passes /webhook on.",
            "Meta no podría entregar webhooks ahí. Revisa que el servidor esté en marcha, que su nombre y certificado sean \
             correctos, y que el proxy delante deje pasar /webhook.",
            WhoseMove::Operator,
        )
        .into(),
        Err(failure) => trouble::ours(
            Word::CallbackNotPublic,
            format!("{url}: {failure}."),
            "Meta calls https alone. Put a TLS proxy in front, and set WAZAPP_PUBLIC_URL to the address that others call.",
            "Meta solo llama por https. Pon un proxy TLS delante, y configura WAZAPP_PUBLIC_URL con la dirección que otros \
             llaman.",
            WhoseMove::Operator,
        )
        .into(),
    }
}

/// Lets the App hear of the account no more, unless another number of it is connected here through the same App.
pub(super) async fn unsubscribe(desk: &mut Desk<'_>, database: &Database) -> DatabaseResult<Came> {
    if desk.job.wishes.keep_subscription {
        return Ok(Came::skipped("It was asked to stay.", "Se pidió que quedara."));
    }
    let waba_id = match desk.waba_id() {
        Ok(waba_id) => waba_id,
        Err(why) => return Ok(why.into()),
    };
    let app_id = desk.job.connection.app_id.as_deref();
    if is_needed(database, waba_id, app_id).await? {
        return Ok(Came::skipped(
            "The App goes on hearing of the account: a number of it is connected here.",
            "La App sigue recibiendo lo de la cuenta: un número de ella está conectado aquí.",
        ));
    }
    let credential = match desk.credential() {
        Ok(credential) => credential,
        Err(why) => return Ok(why.into()),
    };
    let graph = &desk.settings.to_meta.graph;
    if let Err(failure) = graph.unsubscribe_app(&credential, waba_id).await {
        return Ok(failure.into());
    }
    // A number of the account may have been connected in that very moment: nothing of it must be missed.
    if is_needed(database, waba_id, app_id).await?
        && let Err(failure) = graph.subscribe_app(&credential, waba_id, None).await
    {
        return Ok(failure.into());
    }
    Ok(Came::done("The App hears of the account no more.", "La App ya no recibe lo de la cuenta."))
}

/// Whether a number of the account is connected here through this App: another one, or the same one again.
async fn is_needed(database: &Database, waba_id: &str, app_id: Option<&str>) -> DatabaseResult<bool> {
    let tx = database.operator().await?;
    let claimed = number::any_organization_claimed_of(&tx, waba_id, app_id).await?;
    tx.close();
    Ok(claimed > 0)
}

#[cfg(test)]
mod tests {
    use model::trouble::Code;
    use serde_json::{Value, json};

    use super::*;

    const OURS: &str = "https://wa.example.com/webhook";

    fn code(subscription: Value, overridden: bool) -> Option<Code> {
        let read = Subscription::read(&subscription);
        lacking(read.as_ref(), &[MESSAGES, "account_update"], OURS, overridden).map(|lacking| lacking.code)
    }

    #[test]
    fn a_subscription_is_looked_at_from_every_side() {
        let with = |url: &str, active: bool, fields: &[&str]| json!({ "object": OBJECT, "callback_url": url, "active": active, "fields": fields });
        let ours = |word| Some(Code::Ours(word));
        let all = &[MESSAGES, "account_update"];
        assert_eq!(code(with(OURS, true, all), false), None);
        assert_eq!(code(with(OURS, false, all), false), ours(Word::NoSubscription));
        assert_eq!(code(json!({}), false), ours(Word::NoSubscription));
        assert_eq!(code(with("https://other.example.com/", true, all), false), ours(Word::WebhooksGoElsewhere));
        assert_eq!(code(with("https://other.example.com/", true, all), true), None);
        assert_eq!(code(with(OURS, true, &["account_update"]), false), ours(Word::MessagesMissing));
        assert_eq!(code(with(OURS, true, &[MESSAGES]), false), ours(Word::FieldsMissing));
    }
}
