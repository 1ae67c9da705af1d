//! One call: the message as Meta wants it, and what the answer means.

use jiff::Timestamp;
use metrics::{counter, histogram};
use model::Database;
use model::link::{Link, NoToken};
use model::outbox::{Claimed, Outcome, Pause, Refused, Settled};
use model::trouble::Trouble;
use serde_json::{Map, Value, json};
use tracing::Instrument;
use whatsapp::graph::{Credential, Failure, Sent};
use whatsapp::phone;
use whatsapp::verdict::{Verdict, verdict};

use super::Settings;
use super::media::{AtMeta, Sender, Uploads};
use crate::pause::{pause, span, until_mended};
use crate::trouble::of_send;

/// Sends a claimed message.
pub(super) async fn send(
    database: &Database,
    settings: &Settings,
    uploads: &Uploads,
    number: &Link,
    message: Claimed,
) -> Settled {
    let started = std::time::Instant::now();
    let span = tracing::info_span!("send", organization = %message.organization_id, message_id = %message.message_id,
        attempt = message.attempt);
    let (outcome, pause) = match number.open(&settings.to_meta.keyring, &settings.to_meta.apps) {
        Ok(secrets) => {
            let credential = Credential::from(secrets);
            attempt(&Sender { database, settings, uploads, number, credential: &credential }, &message)
                .instrument(span)
                .await
        }
        Err(reason) => no_token(&reason, settings.to_meta.clock.now()),
    };
    histogram!("wazapp_send_seconds").record(started.elapsed().as_secs_f64());
    counter!("wazapp_sends_total", "outcome" => word(&outcome)).increment(1);
    tracing::debug!(message = %message.message_id, number = %number.phone_number_id, attempt = message.attempt,
        outcome = word(&outcome), "sent");
    Settled {
        organization_id: message.organization_id,
        message_id: message.message_id,
        number_id: message.number_id,
        recipient: message.recipient,
        fence: message.fence,
        refused: message.refused,
        token_mark: number.token_mark(),
        outcome,
        pause,
    }
}

async fn attempt(sender: &Sender<'_>, message: &Claimed) -> (Outcome, Option<Pause>) {
    let files = match sender.prepare(message).await {
        Ok(files) => files,
        Err(not_ready) => return not_ready,
    };
    let (graph, clock) = (&sender.settings.to_meta.graph, &sender.settings.to_meta.clock);
    let body = body(message, &files);
    let failure = match graph.send_message(sender.credential, &sender.number.phone_number_id, &body).await {
        Ok(Sent { wamid, wa_id, user_id, message_status }) => {
            return (Outcome::Accepted { wamid, wa_id, user_id, message_status }, None);
        }
        Err(failure) => failure,
    };
    if let Failure::Refused(refusal) = &failure
        && sender.forget(&files, refusal).await
    {
        return (Outcome::Retry { at: clock.now(), error: of_send(&failure).into() }, None);
    }
    refused(&failure, message.refused, clock.now())
}

/// Meta's object with whom it is for, with Meta's ids of what it shows, and with our id, which its statuses will echo.
fn body(message: &Claimed, files: &[AtMeta]) -> Value {
    let mut body = Map::from_iter([("messaging_product".to_owned(), json!("whatsapp"))]);
    let to = &message.recipient;
    if phone::is_user_id(to) {
        body.insert("recipient".into(), json!(to));
    } else {
        body.insert("recipient_type".into(), json!("individual"));
        body.insert("to".into(), json!(to));
    }
    if let Ok(Value::Object(content)) = serde_json::from_str(&message.body) {
        body.extend(content);
    }
    body.insert("biz_opaque_callback_data".into(), json!(message.message_id));
    let mut body = Value::Object(body);
    for file in files {
        if let Some(shown) = body.pointer_mut(&file.place) {
            shown["id"] = json!(file.id());
        }
    }
    body
}

/// What a failure means for the message, and for those behind it.
pub(super) fn refused(failure: &Failure, refused: Refused, now: Timestamp) -> (Outcome, Option<Pause>) {
    let error = Box::new(of_send(failure));
    let verdict = verdict(failure, before(failure, refused));
    let outcome = match verdict {
        Verdict::RetryAfter(wait) => Outcome::Retry { at: now + span(wait), error },
        Verdict::PausePair(_) | Verdict::PauseNumber { .. } | Verdict::PauseAccount { .. } => {
            Outcome::Retry { at: now, error }
        }
        Verdict::AskPerson(_) | Verdict::GiveUp(_) => Outcome::Failed { error },
        Verdict::SettleByStatus => Outcome::Unknown { error },
    };
    (outcome, pause(failure, verdict, now))
}

/// The refusals before this one, of whatever this one lets rest.
fn before(failure: &Failure, refused: Refused) -> u32 {
    match verdict(failure, 0) {
        Verdict::PauseNumber { .. } | Verdict::PauseAccount { .. } => refused.number,
        Verdict::PausePair(_) => refused.pair,
        _ => refused.message,
    }
}

fn no_token(why: &NoToken, now: Timestamp) -> (Outcome, Option<Pause>) {
    let error = Trouble::no_token(why);
    let pause = until_mended(&error);
    (Outcome::Retry { at: now, error: error.into() }, Some(pause))
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Retry { .. } => "retry",
        Outcome::Failed { .. } => "failed",
        Outcome::Unknown { .. } | Outcome::LeaseEnded => "unknown",
        Outcome::DeadlinePassed => "deadline",
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn claimed(recipient: &str) -> Claimed {
        Claimed {
            organization_id: Uuid::nil(),
            message_id: Uuid::from_u128(7),
            number_id: Uuid::nil(),
            recipient: recipient.into(),
            body: r#"{"type":"text","text":{"body":"hola"},"biz_opaque_callback_data":"mine"}"#.into(),
            attempt: 1,
            fence: 1,
            refused: Refused::default(),
            files: Vec::new(),
        }
    }

    #[test]
    fn a_phone_and_a_user_id_are_named_as_meta_wants_them() {
        let phone = body(&claimed("34600111222"), &[]);
        assert_eq!((&phone["to"], &phone["recipient"]), (&json!("34600111222"), &Value::Null));
        assert_eq!(phone["text"]["body"], "hola");
        let user = body(&claimed("AR.13491208655302741918"), &[]);
        assert_eq!((&user["to"], &user["recipient"]), (&Value::Null, &json!("AR.13491208655302741918")));
    }

    #[test]
    fn the_id_that_comes_back_is_ours() {
        assert_eq!(body(&claimed("34600111222"), &[])["biz_opaque_callback_data"], json!(Uuid::from_u128(7)));
    }
}
