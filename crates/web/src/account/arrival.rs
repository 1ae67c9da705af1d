//! Who somebody is here of whom the identity provider said who they are there, and whether they come in.

use http::HeaderMap;
use model::audit::{self, Deed};
use model::database::{Operator, Result};
use model::invitation::{self, Offer};
use model::membership::{self, Begun};
use model::user::{self, Email, Language, NewUser, User};
use model::{organization, provider_account, session};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::invitation::{is_meant, join, link_of};
use crate::key::{Who, signed_in};
use crate::pages::{Failure, OwnPath};
use crate::provider::{Provider, Told};
use crate::serve::Client;
use crate::session::{Entry, enter};
use crate::{State, cookie};

/// Where somebody arrives, and from where.
pub(super) struct Arrival<'a> {
    pub(super) state: &'a State,
    pub(super) provider: &'a Provider,
    pub(super) client: Option<&'a Client>,
    /// In which a new account reads.
    pub(super) language: Language,
    /// Where they want to go; perhaps an invitation.
    pub(super) next: &'a OwnPath,
}

/// Somebody who came in.
pub(super) struct Arrived {
    pub(super) entry: Entry,
    /// By the invitation that they came with.
    pub(super) joined: bool,
}

/// Why somebody does not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotLetIn {
    /// The provider does not say that an e-mail address is theirs, and by nothing else would they be known.
    Unverified,
    /// The account of that address is somebody else's at the provider.
    Taken,
    /// The account of that address may be somebody else's, who made it before them.
    Unproven,
    /// They have no account, and nobody wants them here.
    Uninvited,
}

/// The invitation that somebody came with, while it holds.
struct Invited {
    link: SecretString,
    offer: Offer,
}

/// Lets them in, or not: then nothing of it is kept.
pub(super) async fn arrive(
    arrival: &Arrival<'_>,
    headers: &HeaderMap,
    told: &Told,
) -> Result<std::result::Result<Arrived, NotLetIn>, Failure> {
    let Arrival { state, client, .. } = *arrival;
    let invited = arrival.invited().await?;
    let visitor = arrival.visitor(headers).await?;
    let tx = state.database.people().await?;
    let (user, is_new) = match arrival.account(&tx, told, visitor).await? {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let is_let_in = arrival.join_by_rule(&tx, told, &user).await?;
    // Whoever has a second factor still due accepts when they have shown it.
    let accepts = invited.filter(|invited| !user.second_factor && is_meant(&invited.offer, &user.email));
    let joined = match accepts {
        Some(invited) => join(&tx, state.clock.now(), &invited.link, &user, client).await?.ok(),
        None => None,
    };
    if is_new && !is_let_in && joined.is_none() {
        return Ok(Err(NotLetIn::Uninvited));
    }
    let entry = enter(state, &tx, client, headers, &user).await?;
    if let Some(organization_id) = joined {
        session::choose(&tx, user.id, entry.session_id, organization_id).await?;
    }
    tx.commit().await?;
    Ok(Ok(Arrived { entry, joined: joined.is_some() }))
}

impl Arrival<'_> {
    async fn invited(&self) -> Result<Option<Invited>> {
        let Some(link) = link_of(self.next) else { return Ok(None) };
        let read = invitation::read(&self.state.database, self.state.clock.now(), &link).await?;
        Ok(read.ok().map(|offer| Invited { link, offer }))
    }

    /// Who is signed in already in the browser.
    async fn visitor(&self, headers: &HeaderMap) -> Result<Option<Uuid>> {
        let Some(session) = cookie::session(headers) else { return Ok(None) };
        let known = signed_in(self.state, self.client, &session).await?;
        Ok(known.filter(|known| known.proven).map(|known| known.user.id))
    }

    /// Their account, and whether it was made just now. They are known by who they are at the provider; by an e-mail address
    /// only once, where the provider has verified it and nobody else has come by it.
    async fn account(
        &self,
        tx: &Operator,
        told: &Told,
        visitor: Option<Uuid>,
    ) -> Result<std::result::Result<(User, bool), NotLetIn>> {
        let now = self.state.clock.now();
        if let Some(user) = provider_account::use_by(tx, now, told.who()).await? {
            return Ok(Ok((user, false)));
        }
        let Some(email) = told.verified_email() else { return Ok(Err(NotLetIn::Unverified)) };
        let (user, is_new) = self.by_address(tx, told, &email).await?;
        // An invitation lets anybody make an account of any address, with a password of theirs: they would go on to sign in to
        // what is another's. So whoever has the address shows that the account is theirs, too.
        if !user::is_its_addresses(tx, user.id).await? && visitor != Some(user.id) {
            return Ok(Err(NotLetIn::Unproven));
        }
        if !provider_account::link(tx, now, user.id, told.who(), email.as_str()).await? {
            // Two answers of theirs may have come at once: then it is linked to them by now.
            let linked = provider_account::use_by(tx, now, told.who()).await?;
            return Ok(linked.map(|user| (user, false)).ok_or(NotLetIn::Taken));
        }
        let after = json!({ "issuer": self.provider.issuer(), "email": email });
        let deed = Deed::of_server("user.link", user.id, user.name.as_str()).changed(None, Some(after));
        audit::record_of_server(tx, now, &Who::actor_of(&user, self.client), &deed).await?;
        Ok(Ok((user, is_new)))
    }

    /// The account of an address, made if there is none, and whether it was.
    async fn by_address(&self, tx: &Operator, told: &Told, email: &Email) -> Result<(User, bool)> {
        let (name, zone, language) = (told.name(email), told.zone(), self.language);
        let new = NewUser { email, name: &name, password: None, is_operator: false, vouched: true, language, zone };
        loop {
            if let Some((user, _)) = user::by_email(tx, email).await? {
                return Ok((user, false));
            }
            // Somebody else may make it in this moment; then it is there.
            if let Some(user) = user::create(tx, self.state.clock.now(), &new).await? {
                return Ok((user, true));
            }
        }
    }

    /// Lets them work where a rule says so: of several for one organization, the first that fits counts. Whether there is one.
    async fn join_by_rule(&self, tx: &Operator, told: &Told, user: &User) -> Result<bool> {
        let (now, mut is_let_in) = (self.state.clock.now(), false);
        for rule in self.provider.rules().iter().filter(|rule| told.fits(rule)) {
            let place = organization::find(tx, &rule.organization).await?;
            if place.is_none() {
                tracing::warn!(organization = rule.organization, "a rule of oidc_join names no organization");
            }
            let Some(place) = place.filter(|place| place.suspended_at.is_none()) else { continue };
            if membership::add_by_rule(tx, now, &place.scope(), user.id, rule.role).await? {
                let deed = membership::begun(Begun::ByRule, user, rule.role);
                audit::any_organization_record(tx, &place.scope(), now, &Who::actor_of(user, self.client), &deed)
                    .await?;
                is_let_in = true;
            }
        }
        Ok(is_let_in)
    }
}
