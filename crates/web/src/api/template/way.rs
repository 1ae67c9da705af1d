//! The way to an account's templates at Meta, and what came back by it.

use std::collections::HashSet;

use jiff::Timestamp;
use model::Scope;
use model::database::Tenant;
use model::link::{self, By, Link};
use model::store::Store;
use model::template::{self, Listed, Source, Template, sync};
use serde_json::Value;
use whatsapp::graph::{self, Credential, Graph};

use crate::State;
use crate::api::caller::Caller;
use crate::api::language::Language;
use crate::problem::Problem;

/// An account that calls can be made for.
pub(super) struct Way<'a> {
    caller: &'a Caller,
    state: &'a State,
    pub(super) waba_id: String,
    pub(super) credential: Credential,
    link: Link,
}

impl<'a> Way<'a> {
    /// Through a connected number. `None`: the organization has no such one.
    pub(super) async fn find(
        caller: &'a Caller,
        state: &'a State,
        by: By<'_>,
        language: Language,
    ) -> Result<Option<Self>, Problem> {
        let tx = state.database.operator_for(caller.scope()).await?;
        let link = link::find(&tx, caller.scope(), by).await?;
        tx.commit().await?;
        let Some(link) = link else { return Ok(None) };
        let credential = credential(state, &link, language)?;
        Ok(Some(Self { caller, state, waba_id: link.waba_id.clone(), credential, link }))
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.state.graph
    }

    pub(super) fn store(&self) -> &Store {
        &self.state.store
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    /// The App that samples are uploaded for.
    pub(super) fn app_id(&self) -> Option<&str> {
        self.link.token_app(&self.state.apps)
    }

    pub(super) async fn begin(&self) -> Result<Tenant, Problem> {
        self.caller.begin().await
    }

    pub(super) fn scope(&self) -> &Scope {
        self.caller.scope()
    }

    /// Meta's ids of the templates that are known under a name, in a language.
    pub(super) async fn ids(&self, name: &str, language: &str) -> Result<HashSet<String>, Problem> {
        let tx = self.caller.begin().await?;
        let ids = template::ids(&tx, &self.waba_id, name, language).await?;
        tx.commit().await?;
        Ok(ids)
    }

    /// Looks a template up at Meta, keeps what it is now, or, where that can't be had, what it should be by all that is
    /// known; answers it.
    pub(super) async fn keep(&self, known: Listed) -> Result<Template, Problem> {
        let asked_at = self.state.clock.now();
        let listed = match self.graph().template(&self.credential, &known.template_id).await {
            Ok(template) => listed(template),
            Err(error) => {
                tracing::info!(%error, "a template could not be looked up after it was changed");
                known
            }
        };
        let id = listed.template_id.clone();
        let tx = self.state.database.operator_for(self.scope()).await?;
        let now = self.state.clock.now();
        template::save(tx, self.scope(), &self.waba_id, asked_at, now, &[listed], Source::Change).await?;
        let tx = self.caller.begin().await?;
        let kept = template::find_by_template_id(&tx, &self.waba_id, &id).await?;
        tx.commit().await?;
        kept.ok_or_else(Problem::internal)
    }

    /// Has the account read soon: nobody knows what became of a call.
    pub(super) async fn read_soon(&self) -> Result<(), Problem> {
        let tx = self.state.database.operator_for(self.scope()).await?;
        sync::ask(&tx, self.scope(), Some(&self.waba_id), self.state.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}

fn credential(state: &State, link: &Link, language: Language) -> Result<Credential, Problem> {
    let opened = link.open(&state.keyring, &state.apps);
    opened.map(Credential::from).map_err(|_| {
        Problem::conflict(language.of(
            "This account has no token that works here, so Meta cannot be asked. Connect its number again, with its token.",
            "Esta cuenta no tiene un token que sirva aquí, así que no se puede preguntar a Meta. Conecta su número otra vez, con su token.",
        ))
    })
}

fn listed(template: graph::Template) -> Listed {
    Listed {
        template_id: template.id,
        name: template.name,
        language: template.language,
        status: template.status,
        category: template.category,
        previous_category: template.previous_category,
        quality: template.quality,
        reason: template.rejected_reason,
        parameter_format: template.parameter_format,
        components: Some(template.components).filter(Value::is_array),
        ttl_seconds: template.ttl_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
    }
}
