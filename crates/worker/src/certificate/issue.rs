//! One attempt: account, order, challenges, certificate.

use std::sync::OnceLock;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use model::certificate::challenge::{self, Challenge, Way};
use model::certificate::failure::{Failure, Reason};
use model::certificate::{Attempt, Issued, account};
use model::{Database, DatabaseError};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use secrecy::{ExposeSecret, SecretString};

use super::authority::{Authority, Rest};
use super::{Binding, Settings, chain, trouble};

/// An authority that is at it for longer has hung.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(60));

/// What an attempt works with.
pub(super) struct Work<'a> {
    pub(super) database: &'a Database,
    pub(super) settings: &'a Settings,
    pub(super) attempt: &'a Attempt,
    pub(super) rest: &'a Rest,
    /// Why the authority was not convinced, the first time: it counts that, whatever comes of the attempt.
    pub(super) refused: &'a OnceLock<Failure>,
}

impl Work<'_> {
    pub(super) async fn issue(&self) -> Result<Issued, Failure> {
        match self.by_known_account().await {
            // Whoever runs the authority may have lost it: a private one is set up anew now and then.
            Err(failure) if failure.reason == Reason::Account && self.is_forgotten(&failure) => {
                let account = self.new_account().await?;
                self.order(&account).await
            }
            ended => ended,
        }
    }

    async fn by_known_account(&self) -> Result<Issued, Failure> {
        let account = self.account().await?;
        self.order(&account).await
    }

    fn is_forgotten(&self, failure: &Failure) -> bool {
        failure.detail.starts_with(trouble::FORGOTTEN)
    }

    /// Tries the ways to prove the domains: all of them at first, then by turns, because authorities count what fails.
    async fn order(&self, account: &Account) -> Result<Issued, Failure> {
        let ways: &[Way] = match self.settings.answers_http {
            true => &[Way::Http, Way::TlsAlpn],
            false => &[Way::TlsAlpn],
        };
        let nth = usize::try_from(self.attempt.nth).unwrap_or(1);
        let ways = if nth > 1 { std::slice::from_ref(&ways[nth % ways.len()]) } else { ways };
        for &way in ways {
            match self.proven_by(account, way).await {
                Err(failure) if failure.reason.is_of_a_way() => {
                    tracing::debug!(?way, %failure, "the authority was not convinced");
                    self.refused.get_or_init(|| failure);
                }
                ended => return ended,
            }
        }
        let refused = self.refused.get().cloned();
        Err(refused.unwrap_or_else(|| Failure::new(Reason::Refused, None, "there is no way to prove the domains")))
    }

    async fn proven_by(&self, account: &Account, way: Way) -> Result<Issued, Failure> {
        let domains = self.settings.wanted.domains();
        let identifiers: Vec<Identifier> = domains.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await.map_err(trouble::of_account)?;
        self.answer_challenges(&mut order, way).await?;
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Ready) => {}
            Ok(_) | Err(Error::Api(_)) => return Err(refusal(&mut order, way).await),
            Err(error) => return Err(trouble::read(error)),
        }
        let (key, request) =
            request(domains).map_err(|error| Failure::new(Reason::Refused, None, &error.to_string()))?;
        order.finalize_csr(&request).await.map_err(trouble::read)?;
        let given = order.poll_certificate(&PATIENCE).await.map_err(trouble::read)?;
        chain::check(given, &key, domains, self.settings.clock.now())
    }

    /// Has all nodes answer, then tells the authority so.
    async fn answer_challenges(&self, order: &mut Order, way: Way) -> Result<(), Failure> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(trouble::read)?;
            // Proven a while ago.
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let domain = authorization.identifier().to_string();
            let Some(mut challenge) = authorization.challenge(kind(way)) else {
                return Err(Failure::new(Reason::Unoffered, Some(domain), &format!("not by {:?}", kind(way))));
            };
            let answer = challenge.key_authorization();
            let asked = Challenge { way, token: &challenge.token, domain: &domain, key_authorization: answer.as_str() };
            self.add(asked).await.map_err(ours)?;
            challenge.set_ready().await.map_err(trouble::read)?;
        }
        Ok(())
    }

    async fn add(&self, asked: Challenge<'_>) -> Result<(), DatabaseError> {
        let tx = self.database.operator().await?;
        challenge::add(&tx, self.attempt, asked, self.settings.clock.now()).await?;
        tx.commit_in_job().await
    }

    async fn account(&self) -> Result<Account, Failure> {
        let Settings { keyring, wanted, email, .. } = self.settings;
        let tx = self.database.operator().await.map_err(ours)?;
        let known = account::find(&tx, keyring, wanted).await.map_err(ours)?;
        tx.close();
        let Some(known) = known else { return self.new_account().await };
        let Ok(credentials) = serde_json::from_str::<AccountCredentials>(known.credentials.expose_secret()) else {
            return self.new_account().await;
        };
        let found = Account::builder_with_http(self.authority()?).from_credentials(credentials).await;
        let found = found.map_err(trouble::read)?;
        if known.email != *email {
            let contact = contact(email.as_deref());
            let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
            found.update_contacts(&contact).await.map_err(trouble::of_account)?;
            self.keep(known.credentials).await.map_err(ours)?;
        }
        Ok(found)
    }

    async fn new_account(&self) -> Result<Account, Failure> {
        let Settings { wanted, email, binding, .. } = self.settings;
        let contact = contact(email.as_deref());
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let bound = binding.as_ref().map(Binding::external_key);
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let directory = wanted.directory().to_owned();
        let made = Account::builder_with_http(self.authority()?).create(&new, directory, bound.as_ref()).await;
        let (account, credentials) = made.map_err(trouble::read)?;
        let credentials = serde_json::to_string(&credentials).expect("texts can be written as JSON");
        self.keep(credentials.into()).await.map_err(ours)?;
        Ok(account)
    }

    async fn keep(&self, credentials: SecretString) -> Result<(), DatabaseError> {
        let Settings { keyring, wanted, email, clock, .. } = self.settings;
        let kept = account::Account { email: email.clone(), credentials };
        let tx = self.database.operator().await?;
        account::keep(&tx, keyring, wanted, &kept, clock.now()).await?;
        tx.commit_in_job().await
    }

    fn authority(&self) -> Result<Box<Authority>, Failure> {
        let Settings { wanted, roots, .. } = self.settings;
        let authority = Authority::new(wanted.directory(), roots.as_ref(), self.rest.clone());
        Ok(Box::new(authority.map_err(trouble::read)?))
    }
}

/// As the protocol's client names it.
fn kind(way: Way) -> ChallengeType {
    match way {
        Way::Http => ChallengeType::Http01,
        Way::TlsAlpn => ChallengeType::TlsAlpn01,
    }
}

fn contact(email: Option<&str>) -> Vec<String> {
    email.into_iter().map(|email| format!("mailto:{email}")).collect()
}

fn ours(error: DatabaseError) -> Failure {
    Failure::new(Reason::Ours, None, error.reason())
}

/// Why the authority was not convinced: of which domain, and by what.
async fn refusal(order: &mut Order, way: Way) -> Failure {
    let said = order.state().error.clone();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { break };
        let challenges = state.challenges.iter().filter(|challenge| challenge.r#type == kind(way));
        if let Some(problem) = challenges.filter_map(|challenge| challenge.error.clone()).next() {
            return trouble::of(problem, Some(state.identifier().to_string()));
        }
    }
    match said {
        Some(problem) => trouble::of(problem, None),
        None => Failure::new(Reason::Unauthorized, None, "the authority does not say why"),
    }
}

/// A new key, and the request for a certificate of it.
fn request(domains: &[String]) -> Result<(KeyPair, Vec<u8>), rcgen::Error> {
    let mut params = CertificateParams::new(domains.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate()?;
    let request = params.serialize_request(&key)?.der().to_vec();
    Ok((key, request))
}
