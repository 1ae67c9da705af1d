//! A visit of somebody who is signed in: they, and what their page knows.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use jiff::Timestamp;
use model::act::Act;
use model::audit::{self, Deed};
use model::database::{Operator, Tenant};
use model::membership::{self, Belonging};
use model::user::User;
use model::{DatabaseError, Scope};

use super::failure::Failure;
use super::page::{Page, Reader};
use super::when::Times;
use crate::State;
use crate::session::Visitor;

/// A visit of somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// What their page knows.
    pub(crate) page: Page,
    /// They.
    pub(crate) visitor: Visitor,
}

impl Visit {
    /// The person.
    pub(crate) fn user(&self) -> &User {
        &self.visitor.user
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.visitor.now()
    }

    /// As they say times.
    pub(crate) fn times(&self) -> Times {
        Times::of(self.user(), self.now())
    }

    /// Whether they may do it where they are at work.
    pub(crate) fn may(&self, act: Act) -> bool {
        self.visitor.may(act)
    }

    /// The organization they are at work in.
    pub(crate) fn organization(&self) -> Result<&Belonging, Failure> {
        self.page.reader.as_ref().and_then(|reader| reader.at.as_ref()).ok_or(Failure::Nowhere)
    }

    /// Whose rows are those of where they are at work.
    pub(crate) fn scope(&self) -> Result<Scope, Failure> {
        self.visitor.at_work.map(|at_work| at_work.scope).ok_or(Failure::Nowhere)
    }

    /// Opens a transaction of the organization they are at work in, for something that they may do there.
    pub(crate) async fn begin(&self, act: Act) -> Result<Tenant, Failure> {
        match self.visitor.begin(act).await? {
            Some(tx) => Ok(tx),
            None => Err(match self.visitor.at_work {
                None => Failure::Nowhere,
                Some(at_work) if at_work.lacks_second_factor => Failure::LacksSecondFactor,
                Some(_) => Failure::NotYours,
            }),
        }
    }

    /// Opens a transaction of what they do to their own account.
    pub(crate) async fn begin_own(&self, state: &State) -> Result<OwnAct<'_>, Failure> {
        Ok(self.own(state.database.people().await?))
    }

    /// The same with a transaction that is open.
    pub(crate) fn own(&self, tx: Operator) -> OwnAct<'_> {
        OwnAct { tx, visit: self }
    }

    /// Writes down what was done in this transaction, and ends it.
    pub(crate) async fn finish(&self, tx: Tenant, deed: &Deed) -> Result<(), Failure> {
        self.visitor.audit(&tx, deed).await?;
        Ok(tx.commit().await?)
    }
}

/// A transaction of what somebody does to their own account: with the deed it ends, or not at all.
#[must_use = "what is not committed with its deed is not done"]
pub(crate) struct OwnAct<'v> {
    tx: Operator,
    visit: &'v Visit,
}

impl Deref for OwnAct<'_> {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.tx
    }
}

impl OwnAct<'_> {
    /// Writes down what was done wherever they work, and ends the transaction.
    pub(crate) async fn commit(self, deeds: &[Deed]) -> Result<(), Failure> {
        let visitor = &self.visit.visitor;
        for deed in deeds {
            audit::any_organization_record_of(&self.tx, visitor.now(), &visitor.actor(), &visitor.user, deed).await?;
        }
        Ok(self.tx.commit().await?)
    }

    /// Ends it with nothing done.
    pub(crate) fn close(self) {
        self.tx.close();
    }
}

impl FromRequestParts<State> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await.map_err(|refused| {
            let led_elsewhere = refused.status().is_redirection();
            if led_elsewhere { refused } else { Failure::Unavailable.into_response() }
        })?;
        let mut page = Page::of(state, &parts.uri, &parts.headers);
        page.language = visitor.user.language;
        page.reader = Some(reader(state, &visitor).await.map_err(|error| Failure::from(error).into_response())?);
        Ok(Self { page, visitor })
    }
}

/// Where they are at work, and where else they could be.
async fn reader(state: &State, visitor: &Visitor) -> Result<Reader, DatabaseError> {
    // Of the share of where they are at work, if anywhere: who opens many pages keeps nobody from signing in.
    let tx = match &visitor.at_work {
        Some(at_work) => state.database.operator_for(&at_work.scope).await?,
        None => state.database.people().await?,
    };
    let mut others = membership::any_organization_of(&tx, visitor.now(), visitor.user.id).await?;
    tx.close();
    let at = visitor.at_work.map(|at_work| at_work.scope.organization_id());
    let here = others.iter().position(|other| Some(other.organization_id) == at);
    Ok(Reader { user: visitor.user.clone(), at: here.map(|place| others.remove(place)), others })
}
