//! The number, as Meta shows it with the token, and its account.

use model::trouble::{WhoseMove, Word};
use whatsapp::graph::{Failure, Number};

use super::desk::{Came, Desk};
use super::trouble;

/// What is asked for.
const FIELDS: &[&str] = &[
    "id",
    "display_phone_number",
    "verified_name",
    "name_status",
    "status",
    "quality_rating",
    "code_verification_status",
    "platform_type",
    "throughput",
    "whatsapp_business_manager_messaging_limit",
    "is_on_biz_app",
    WEBHOOKS,
];

/// Where its webhooks go.
pub(super) const WEBHOOKS: &str = "webhook_configuration";

/// What names a number in a list for people.
pub(super) const NAMES: &[&str] = &["id", "display_phone_number", "verified_name"];

/// Reads the number, which is chosen first where Meta's window did not name one.
pub(super) async fn read(desk: &mut Desk<'_>) -> Came {
    let credential = match desk.credential() {
        Ok(credential) => credential,
        Err(why) => return why.into(),
    };
    if desk.job.connection.phone_number_id.is_none() {
        let waba_id = match desk.waba_id() {
            Ok(waba_id) => waba_id,
            Err(why) => return why.into(),
        };
        let numbers = match desk.settings.to_meta.graph.numbers_of(&credential, waba_id, NAMES).await {
            Ok(numbers) => numbers,
            Err(failure) => return failure.into(),
        };
        match numbers.as_slice() {
            [only] => desk.job.connection.phone_number_id = Some(only.id.clone()),
            several => return not_one(several),
        }
    }
    let phone_number_id = match desk.phone_number_id() {
        Ok(phone_number_id) => phone_number_id,
        Err(why) => return why.into(),
    };
    let number = match desk.settings.to_meta.graph.number(&credential, phone_number_id, FIELDS).await {
        Ok(number) => number,
        Err(Failure::Refused(error)) if error.is_missing_object() => {
            return trouble::instead(
                &error,
                format!(
                    "Meta shows no number {phone_number_id} to this token. Check the phone_number_id in WhatsApp Manager \
                     (it is not the phone number itself), and that the token may see its account."
                ),
                format!(
                    "Meta no muestra ningún número {phone_number_id} a este token. Revisa el phone_number_id en el \
                     Administrador de WhatsApp (no es el número de teléfono), y que el token pueda ver su cuenta."
                ),
                WhoseMove::Organization,
            )
            .into();
        }
        Err(failure) => return failure.into(),
    };
    // By the id that Meta answers with: another than was asked for proves nothing.
    desk.job.was_shown(&number.id);
    let shown = shown(&number);
    // It opened the number, so it is good, whether or not Meta could be asked about it.
    desk.job.learned.token_checked_at = Some(desk.now());
    learn(desk, number);
    Came::done(shown.clone(), shown)
}

fn learn(desk: &mut Desk<'_>, number: Number) {
    let digits = number.display_phone_number.map(|shown| shown.chars().filter(char::is_ascii_digit).collect());
    let learned = &mut desk.job.learned;
    learned.display_phone_number = digits;
    learned.verified_name = number.verified_name;
    learned.name_status = number.name_status;
    learned.quality_rating = number.quality_rating;
    learned.messaging_limit = number.messaging_limit;
    learned.throughput = number.throughput.filter(|level| level != "NOT_APPLICABLE");
    learned.platform_type = number.platform_type;
    learned.meta_status = number.status;
    learned.is_on_biz_app = number.is_on_biz_app;
    learned.webhooks = number.whole.get(WEBHOOKS).filter(|shown| shown.is_object()).cloned();
}

pub(super) fn shown(number: &Number) -> String {
    let of = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".into());
    format!("{}, {} ({})", of(&number.display_phone_number), of(&number.verified_name), number.id)
}

fn not_one(numbers: &[Number]) -> Came {
    if numbers.is_empty() {
        return trouble::ours(
            Word::NoNumber,
            "The account has no number yet.",
            "Add a number to the account in WhatsApp Manager, then retry.",
            "Agrega un número a la cuenta en el Administrador de WhatsApp, y reintenta.",
            WhoseMove::Organization,
        )
        .into();
    }
    let all: Vec<String> = numbers.iter().map(shown).collect();
    trouble::ours(
        Word::SeveralNumbers,
        format!("The account has {} numbers: {}.", numbers.len(), all.join("; ")),
        "Retry with the phone_number_id of the one to connect.",
        "Reintenta con el phone_number_id del que quieres conectar.",
        WhoseMove::Organization,
    )
    .into()
}

/// Looks whether the number is in the account.
pub(super) async fn find_in_account(desk: &mut Desk<'_>) -> Came {
    let (credential, phone_number_id, waba_id) = match (desk.credential(), desk.phone_number_id(), desk.waba_id()) {
        (Ok(credential), Ok(phone_number_id), Ok(waba_id)) => (credential, phone_number_id, waba_id),
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => return why.into(),
    };
    let numbers = match desk.settings.to_meta.graph.numbers_of(&credential, waba_id, NAMES).await {
        Ok(numbers) => numbers,
        Err(Failure::Refused(error)) if error.is_missing_object() => {
            return trouble::instead(
                &error,
                format!(
                    "Meta shows no account {waba_id} to this token. Check the waba_id in WhatsApp Manager, and that the \
                     token may see the account."
                ),
                format!(
                    "Meta no muestra ninguna cuenta {waba_id} a este token. Revisa el waba_id en el Administrador de \
                     WhatsApp, y que el token pueda ver la cuenta."
                ),
                WhoseMove::Organization,
            )
            .into();
        }
        Err(failure) => return failure.into(),
    };
    if let Some(listed) = numbers.iter().find(|number| number.id == phone_number_id) {
        let waba_id = waba_id.to_owned();
        desk.job.was_listed(&listed.id, &waba_id, numbers.iter().map(|number| number.id.clone()).collect());
        return Came::done(
            format!("The number is in account {waba_id}."),
            format!("El número está en la cuenta {waba_id}."),
        );
    }
    let all: Vec<String> = numbers.iter().map(shown).collect();
    trouble::ours(
        Word::NumberOfAnotherAccount,
        format!("Number {phone_number_id} is not in account {waba_id}, which has: {}.", all.join("; ")),
        "Check the phone_number_id and the waba_id: in WhatsApp Manager both stand beside the number.",
        "Revisa el phone_number_id y el waba_id: en el Administrador de WhatsApp ambos están junto al número.",
        WhoseMove::Organization,
    )
    .into()
}
