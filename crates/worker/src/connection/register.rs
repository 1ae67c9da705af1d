//! Registration with the Cloud API, and the past of a phone that shares the number.

use http::Method;
use jiff::Timestamp;
use model::connection::{Job, State, What};
use model::database::{Operator, Result};
use model::trouble::{Trouble, WhoseMove, Word, Words};
use model::{Database, number, outbox};
use secrecy::ExposeSecret;
use serde_json::json;
use whatsapp::graph::Failure;

use super::desk::{Came, Desk};
use super::trouble;

const CLOUD_API: &str = "CLOUD_API";

/// Errors of `smb_app_data`: it was asked for already; it is too late; the owner does not share it.
const SYNC_ASKED: i64 = 2_593_107;
const SYNC_LATE: i64 = 2_593_108;
const SYNC_DECLINED: i64 = 2_593_109;

/// Registers the number, where Meta says that it is not.
pub(super) async fn register(desk: &mut Desk<'_>) -> Came {
    if desk.is_shared_with_phone() {
        return shared();
    }
    let learned = &desk.job.learned;
    let registered = match learned.platform_type.as_deref() {
        Some(platform) => platform == CLOUD_API,
        None => learned.meta_status.as_deref() == Some("CONNECTED"),
    };
    if registered {
        return Came::skipped("It is registered with the Cloud API.", "Está registrado en la Cloud API.");
    }
    let pin = match desk.job.pin(&desk.settings.to_meta.keyring) {
        Ok(Some(pin)) => pin,
        Ok(None) => return pin_needed().into(),
        Err(unopenable) => return trouble::unopenable(&unopenable.to_string()).into(),
    };
    let (credential, phone_number_id) = match (desk.credential(), desk.phone_number_id()) {
        (Ok(credential), Ok(phone_number_id)) => (credential, phone_number_id),
        (Err(why), _) | (_, Err(why)) => return why.into(),
    };
    match desk.settings.to_meta.graph.register(&credential, phone_number_id, pin.expose_secret()).await {
        Ok(()) => {
            desk.job.learned.platform_type = Some(CLOUD_API.into());
            Came::done("Registered with the Cloud API.", "Registrado en la Cloud API.")
        }
        Err(failure) => {
            if let Failure::Refused(error) = &failure
                && matches!(error.code, 133_005 | 133_008 | 133_009)
            {
                // Tried again with the same PIN it would only be counted as another wrong guess.
                desk.job.forget_pin();
            }
            failure.into()
        }
    }
}

/// What registering changed, in the transaction that writes the step.
pub(super) async fn keep(job: &Job, tx: &Operator, now: Timestamp) -> Result<()> {
    let done = job.connection.steps.iter().any(|step| step.name == What::Register && step.state == State::Done);
    let Some(id) = job.connection.number_id.filter(|_| done) else { return Ok(()) };
    number::carried_by(tx, now, &job.scope, id, CLOUD_API).await?;
    // Sending may have stopped because it was not registered.
    outbox::let_go(tx, &job.scope, id, None).await?;
    Ok(())
}

fn pin_needed() -> Trouble {
    trouble::ours(
        Word::PinNeeded,
        "The number is not registered with the Cloud API yet, and that takes a PIN.",
        "Retry with the six digits of the number's two-step verification as pin (--pin). If it has none, choose some and keep them: \
         they become its PIN.",
        "Reintenta con los seis dígitos de la verificación en dos pasos del número como pin (--pin). Si no tiene, elige unos y \
         guárdalos: serán su PIN.",
        WhoseMove::Organization,
    )
}

fn shared() -> Came {
    Came::skipped(
        "The number is shared with the WhatsApp Business app: it is never registered here, nor deregistered.",
        "El número se comparte con la app WhatsApp Business: aquí nunca se registra ni se da de baja.",
    )
}

/// Takes the number off the Cloud API, unless somebody has connected it since.
pub(super) async fn deregister(desk: &mut Desk<'_>, database: &Database) -> Result<Came> {
    if desk.is_shared_with_phone() {
        return Ok(shared());
    }
    let (credential, phone_number_id) = match (desk.credential(), desk.phone_number_id()) {
        (Ok(credential), Ok(phone_number_id)) => (credential, phone_number_id),
        (Err(why), _) | (_, Err(why)) => return Ok(why.into()),
    };
    let tx = database.operator().await?;
    let claimed = number::any_organization_is_claimed(&tx, phone_number_id).await?;
    tx.commit_in_job().await?;
    if claimed {
        return Ok(Came::skipped("It is connected again meanwhile.", "Mientras tanto se conectó otra vez."));
    }
    Ok(match desk.settings.to_meta.graph.deregister(&credential, phone_number_id).await {
        Ok(()) => Came::done("Deregistered at Meta.", "Dado de baja en Meta."),
        Err(failure) => failure.into(),
    })
}

/// Asks for the contacts and the history of the phone: Meta gives them once, within a day of the sign-up, by webhook.
pub(super) async fn sync(desk: &mut Desk<'_>) -> Came {
    if !desk.is_shared_with_phone() {
        return Came::skipped(
            "The number is not shared with the WhatsApp Business app.",
            "El número no se comparte con la app WhatsApp Business.",
        );
    }
    let (credential, phone_number_id) = match (desk.credential(), desk.phone_number_id()) {
        (Ok(credential), Ok(phone_number_id)) => (credential, phone_number_id),
        (Err(why), _) | (_, Err(why)) => return why.into(),
    };
    let mut warning = None;
    for kind in ["smb_app_state_sync", "history"] {
        let body = json!({ "messaging_product": "whatsapp", "sync_type": kind });
        let path = [phone_number_id, "smb_app_data"];
        match desk.settings.to_meta.graph.call(Method::POST, &path, &[], Some(&body), &credential).await {
            Ok(_) => {}
            Err(Failure::Refused(error)) => match error.subcode.unwrap_or(error.code) {
                // By us, before a crash or a retry; or by whoever connected it before.
                SYNC_ASKED => {}
                SYNC_LATE | SYNC_DECLINED => warning = Some(trouble::refused(&error)),
                _ if error.code == SYNC_ASKED => {}
                _ => return Failure::Refused(error).into(),
            },
            Err(failure) => return failure.into(),
        }
    }
    let detail = Words::new(
        "The phone's contacts and history were asked for; they come by webhook.",
        "Se pidieron los contactos y el historial del teléfono; llegan por webhook.",
    );
    match warning {
        None => Came::Done(detail),
        Some(warning) => Came::Warned(detail, warning.into()),
    }
}
