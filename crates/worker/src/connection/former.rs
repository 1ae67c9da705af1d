//! A number that moved to another account has another id there. Where the organization had it under the old one, and that
//! one is dead, its conversations and what waits go on under the new one.

use model::Database;
use model::connection::How;
use model::database::Result as DatabaseResult;
use model::link::Link;
use model::number;
use whatsapp::graph::{Credential, Failure};
use whatsapp::phone;

use super::desk::{Came, Desk};

/// Meta's word for a number that works: of the same digits there is one such at a time.
const CONNECTED: &str = "CONNECTED";

/// Whether an id still names a number at Meta.
enum Alive {
    Yes,
    No,
    /// The token that was tried opens nothing.
    Unsaid,
}

/// Looks for the id that the organization had the number under, and whether it is dead; adds to what came of the step.
pub(super) async fn look(desk: &mut Desk<'_>, database: &Database, came: Came) -> DatabaseResult<Came> {
    let Came::Done(detail) = came else { return Ok(came) };
    desk.job.learned.former = None;
    let digits = desk.job.learned.display_phone_number.clone();
    let (Some(digits), true) = (digits, matches!(desk.job.connection.how, How::Token | How::Signup)) else {
        return Ok(Came::Done(detail));
    };
    let Some(phone_number_id) = desk.job.connection.phone_number_id.clone() else { return Ok(Came::Done(detail)) };
    let mut spellings = phone::equivalents(&digits);
    spellings.push(digits);
    let tx = database.operator().await?;
    let former = number::former(&tx, &desk.job.scope, &phone_number_id, &spellings).await?;
    tx.close();
    let Some(former) = former else { return Ok(Came::Done(detail)) };
    Ok(match is_dead(desk, &former).await {
        Ok(true) => {
            let old = &former.phone_number_id;
            desk.job.learned.former = Some(old.clone());
            Came::done(
                format!("{} It was {old} here, which is no more: its conversations and what waits go on.", detail.en),
                format!("{} Aquí era {old}, que ya no existe: siguen sus conversaciones y lo que espera.", detail.es),
            )
        }
        Ok(false) => Came::Done(detail),
        Err(failure) => failure.into(),
    })
}

/// Asks with the token of then, which would still open it; failing that with the new one, whose word counts where the new
/// id is the one that works.
async fn is_dead(desk: &Desk<'_>, former: &Link) -> Result<bool, Failure> {
    let to_meta = &desk.settings.to_meta;
    if let Ok(secrets) = former.open(&to_meta.keyring, &to_meta.apps) {
        match ask(desk, former, &Credential::from(secrets)).await? {
            Alive::Yes => return Ok(false),
            Alive::No => return Ok(true),
            Alive::Unsaid => {}
        }
    }
    let works = desk.job.learned.meta_status.as_deref() == Some(CONNECTED);
    match desk.credential() {
        Ok(credential) if works => Ok(matches!(ask(desk, former, &credential).await?, Alive::No)),
        _ => Ok(false),
    }
}

async fn ask(desk: &Desk<'_>, former: &Link, credential: &Credential) -> Result<Alive, Failure> {
    match desk.settings.to_meta.graph.number(credential, &former.phone_number_id, &["id"]).await {
        Ok(_) => Ok(Alive::Yes),
        Err(Failure::Refused(error)) if error.is_missing_object() => Ok(Alive::No),
        Err(failure) if super::trouble::may_pass(&failure) => Err(failure),
        Err(_) => Ok(Alive::Unsaid),
    }
}
