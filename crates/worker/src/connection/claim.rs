//! The steps that change who has a number, and with which token.

use model::connection::Unproved;
use model::database::{Operator, Result};
use model::event::{self, Kind, Line, New};
use model::link::{self, By};
use model::number::{self, Number, Refusal};
use model::trouble::{Trouble, WhoseMove, Word};
use uuid::Uuid;

use super::desk::{Came, Desk};
use super::trouble;

/// Claims the number, now that the token has proved itself: from here on it is nobody else's.
pub(super) async fn claim(desk: &mut Desk<'_>, tx: &Operator) -> Result<Came> {
    let scope = desk.job.scope;
    let keyring = &desk.settings.to_meta.keyring;
    let proof = match desk.job.proof(keyring) {
        Ok(proof) => proof,
        Err(why) => return Ok(unproved(desk, &why).into()),
    };
    let line = event::line_of(tx, &scope).await?;
    let had = link::find(tx, &scope, By::PhoneNumberId(proof.phone_number_id())).await?;
    if let Some(former) = &desk.job.learned.former {
        number::give_id(&line, &proof, former, desk.now()).await?;
    }
    let id = match number::connect(&line, keyring, &proof, desk.now()).await? {
        Ok(id) => id,
        Err(Refusal::Taken) => return Ok(taken(proof.phone_number_id()).into()),
        Err(Refusal::UnknownApp) => {
            let app_id = desk.job.connection.app_id.as_deref();
            return Ok(trouble::unknown_app(app_id.unwrap_or_default()).into());
        }
    };
    number::keep(&line, desk.now(), id, &desk.job.learned).await?;
    desk.job.connection.number_id = Some(id);
    if had.is_none() {
        // Connected it is with its webhooks, and told then.
        number::waits(&line, id).await?;
        return Ok(Came::done(
            "The number is yours; its webhooks are next.",
            "El número es tuyo; faltan sus webhooks.",
        ));
    }
    tell(&line, desk, id).await?;
    Ok(Came::done("The number has the new token.", "El número tiene el token nuevo."))
}

/// Tells the organization of a number as it is now, and answers it.
async fn tell(line: &Line<'_>, desk: &Desk<'_>, id: Uuid) -> Result<Option<Number>> {
    let number = number::find(line, &desk.job.scope, id, desk.now()).await?;
    if let Some(number) = &number {
        line.record(New::of(Kind::NumberUpdated, desk.now(), Some(id), number)).await?;
    }
    Ok(number)
}

/// No order of steps leads here: a claim is made of the proof alone, and there is none.
fn unproved(desk: &Desk<'_>, why: &Unproved) -> Trouble {
    if let Unproved::Unopenable(unopenable) = why {
        return trouble::unopenable(&unopenable.to_string());
    }
    let phone_number_id = desk.job.connection.phone_number_id.as_deref().unwrap_or("-");
    trouble::ours(
        Word::Unproved,
        format!("The token was not tried with number {phone_number_id} and its account."),
        "Retry: Meta is asked again.",
        "Reintenta: se vuelve a preguntar a Meta.",
        WhoseMove::Organization,
    )
}

/// Whose it is, is nobody's business.
fn taken(phone_number_id: &str) -> Trouble {
    trouble::ours(
        Word::Taken,
        format!("Number {phone_number_id} is connected to another organization of this server."),
        "It can be connected to one at a time: have it disconnected there, then retry. Whoever runs the server can also \
         move it: wazapp number move.",
        "Solo puede estar conectado a una a la vez: haz que lo desconecten allí, y reintenta. Quien administra el servidor \
         también puede moverlo: wazapp number move.",
        WhoseMove::Organization,
    )
}

/// Puts the new token in force.
pub(super) async fn store(desk: &mut Desk<'_>, tx: &Operator) -> Result<Came> {
    let keyring = &desk.settings.to_meta.keyring;
    let opens = match desk.job.opens(keyring) {
        Ok(opens) => opens,
        Err(why) => return Ok(unproved(desk, &why).into()),
    };
    let scope = desk.job.scope;
    let Some(id) = desk.job.connection.number_id else { return Ok(not_connected().into()) };
    let line = event::line_of(tx, &scope).await?;
    let numbers = number::replace_token(&line, keyring, id, (&opens, &desk.job.learned), desk.now()).await?;
    if numbers.contains(&id) {
        // What Meta said is of the one number that it was asked for.
        number::keep(&line, desk.now(), id, &desk.job.learned).await?;
    }
    for number in &numbers {
        tell(&line, desk, *number).await?;
    }
    Ok(match numbers.len() {
        0 => not_connected().into(),
        1 => Came::done("The new token is in force.", "El token nuevo está en vigor."),
        many => Came::done(
            format!("The new token is in force for {many} numbers."),
            format!("El token nuevo está en vigor para {many} números."),
        ),
    })
}

fn not_connected() -> Trouble {
    trouble::ours(
        Word::NotConnected,
        "The number is not connected any more.",
        "Connect it again with the token.",
        "Conéctalo otra vez con el token.",
        WhoseMove::Organization,
    )
}

/// Ends the claim and forgets the number's token, which is kept for the calls that follow.
pub(super) async fn release(desk: &mut Desk<'_>, tx: &Operator) -> Result<Came> {
    let scope = desk.job.scope;
    let already = || Came::skipped("The number was not connected.", "El número no estaba conectado.");
    let Some(id) = desk.job.connection.number_id else { return Ok(already()) };
    let line = event::line_of(tx, &scope).await?;
    let Some(link) = link::find(tx, &scope, By::Id(id)).await? else { return Ok(already()) };
    // Without it nothing can be told to Meta, which the next steps say.
    if let Some(Ok(token)) = link.token(&desk.settings.to_meta.keyring) {
        desk.job.keep_token(&desk.settings.to_meta.keyring, &token);
    }
    desk.job.learned.token_app_id = link.token_app_id.clone();
    if number::disconnect(&line, &link.phone_number_id, desk.now()).await?.is_none() {
        return Ok(already());
    }
    let left = tell(&line, desk, id).await?;
    let shared = left.is_some_and(|number| number.is_on_biz_app == Some(true) || number.history.is_some());
    desk.job.learned.is_on_biz_app = Some(shared);
    Ok(Came::done("The number is disconnected; its history stays.", "El número está desconectado; su historial queda."))
}
