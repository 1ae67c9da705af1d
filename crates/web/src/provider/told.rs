//! What the provider says of somebody.

use model::name::Name;
use model::provider_account::Subject;
use model::user::{Email, is_zone};
use openidconnect::core::CoreGenderClaim;
use openidconnect::{AdditionalClaims, IdTokenClaims, StandardClaims, UserInfoClaims};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::JoinRule;
use crate::account::LONGEST_NAME;

/// Claims that no standard knows, such as groups.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

/// What the provider says of somebody.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    issuer: String,
    pub(super) subject: String,
    email: Option<String>,
    is_verified: bool,
    name: Option<String>,
    zone: Option<String>,
    others: Map<String, Value>,
}

impl Told {
    pub(super) fn read(issuer: &str, claims: &IdTokenClaims<Others, CoreGenderClaim>) -> Self {
        let standard = StandardClaims::new(claims.subject().clone())
            .set_email(claims.email().cloned())
            .set_email_verified(claims.email_verified())
            .set_name(claims.name().cloned())
            .set_zoneinfo(claims.zoneinfo().cloned());
        let others = claims.additional_claims().0.clone();
        Self::of(issuer, &standard, others)
    }

    /// Also what it says when it is asked for more. Of the address and whether it is verified, one place tells both.
    pub(super) fn with(self, claims: &UserInfoClaims<Others, CoreGenderClaim>) -> Self {
        let more = Self::of(&self.issuer, claims.standard_claims(), claims.additional_claims().0.clone());
        let (email, is_verified) = match more.email {
            Some(email) if !self.is_verified => (Some(email), more.is_verified),
            _ => (self.email, self.is_verified),
        };
        let (name, zone) = (self.name.or(more.name), self.zone.or(more.zone));
        let mut others = more.others;
        others.extend(self.others);
        Self { email, is_verified, name, zone, others, ..self }
    }

    fn of(issuer: &str, claims: &StandardClaims<CoreGenderClaim>, others: Map<String, Value>) -> Self {
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
        Self {
            issuer: issuer.to_owned(),
            subject: claims.subject().as_str().to_owned(),
            email: claims.email().map(|email| email.as_str().to_owned()),
            is_verified: claims.email().is_some() && claims.email_verified() == Some(true),
            name,
            zone: claims.zoneinfo().map(|zone| zone.as_str().to_owned()),
            others,
        }
    }

    /// Whether nothing more is needed to know them, and to see which rules fit.
    pub(super) fn is_enough(&self, rules: &[JoinRule]) -> bool {
        self.is_verified && rules.iter().filter_map(JoinRule::claim).all(|name| self.others.contains_key(name))
    }

    /// By which they are known.
    pub(crate) fn who(&self) -> Subject<'_> {
        Subject { issuer: &self.issuer, subject: &self.subject }
    }

    /// Their e-mail address, which the provider has seen to be theirs. What it has not is nobody's.
    pub(crate) fn verified_email(&self) -> Option<Email> {
        self.email.as_ref().filter(|_| self.is_verified)?.parse().ok()
    }

    /// What people call them.
    pub(crate) fn name(&self, email: &Email) -> String {
        let said = self.name.as_deref().and_then(|name| Name::read(name, LONGEST_NAME).ok());
        let local = || Name::read(email.as_str().split('@').next().unwrap_or_default(), LONGEST_NAME).ok();
        said.or_else(local).map_or_else(|| "?".to_owned(), |name| name.as_str().to_owned())
    }

    /// Their time zone.
    pub(crate) fn zone(&self) -> &str {
        self.zone.as_deref().filter(|zone| is_zone(zone)).unwrap_or("UTC")
    }

    /// Whether a rule lets them in.
    pub(crate) fn fits(&self, rule: &JoinRule) -> bool {
        rule.fits(self.verified_email().as_ref(), &self.others)
    }
}
