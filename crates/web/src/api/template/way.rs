//! The way to an account's templates at Meta, and what came back by it.

use std::collections::HashSet;

use jiff::Timestamp;
use model::act::Act;
use model::audit::{self, Actor, Deed};
use model::database::Tenant;
use model::link::{self, By, Link};
use model::store::Store;
use model::template::{self, Listed, Source, Template, sync};
use model::{CommitError, Scope};
use serde_json::{Value, json};
use whatsapp::graph::{self, Credential, Graph};

use super::not_there;
use crate::State;
use crate::api::caller::Caller;
use crate::api::language::Language;
use crate::behind;
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
        tx.close();
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

    pub(super) async fn begin_before(&self) -> Result<Tenant, Problem> {
        self.caller.begin_before_act().await
    }

    pub(super) fn scope(&self) -> &Scope {
        self.caller.scope()
    }

    /// Meta's ids of the templates that are known under a name, in a language.
    pub(super) async fn ids(&self, name: &str, language: &str) -> Result<HashSet<String>, Problem> {
        let tx = self.caller.begin().await?;
        let ids = template::ids(&tx, &self.waba_id, name, language).await?;
        tx.close();
        Ok(ids)
    }

    /// Looks a template up at Meta, keeps what it is now, or, where that can't be had, what it should be by all that is
    /// known; answers it.
    pub(super) async fn keep(
        &self,
        what: &'static str,
        known: Listed,
        language: Language,
    ) -> Result<Template, Problem> {
        let asked_at = self.state.clock.now();
        let listed = match self.graph().template(&self.credential, &known.template_id).await {
            Ok(template) => listed(template),
            Err(error) => {
                tracing::info!(%error, "a template could not be looked up after it was changed");
                known
            }
        };
        let id = listed.template_id.clone();
        let said = json!({ "language": listed.language, "category": listed.category, "components": listed.components });
        let deed = Deed::new(Act::ManageTemplates, what, &id, &listed.name).changed(None, Some(said));
        let kept = self.write_down("a template that Meta changed", move |at| {
            let (listed, deed) = (listed.clone(), deed.clone());
            async move {
                let tx = at.state.database.operator_for(&at.scope).await?;
                let now = at.state.clock.now();
                audit::any_organization_record(&tx, &at.scope, now, &at.actor, &deed).await?;
                template::save(
                    tx,
                    &at.scope,
                    &at.waba_id,
                    asked_at,
                    now,
                    std::slice::from_ref(&listed),
                    Source::Change,
                )
                .await?;
                let tx = at.state.database.tenant(&at.scope).await?;
                Ok(template::find_by_template_id(&tx, &at.waba_id, &listed.template_id).await?)
            }
        });
        kept.await.ok_or_else(|| unwritten(&id, language))?.ok_or_else(Problem::internal)
    }

    /// Notes that Meta deleted templates of a name, and shows this one as it is now.
    pub(super) async fn deleted(&self, known: Template, all: bool, language: Language) -> Result<Template, Problem> {
        let (id, template_id) = (known.id, known.template_id.clone());
        let said = json!({ "language": known.language, "category": known.category, "all_languages": all });
        let named = known.name.clone().unwrap_or_default();
        let deed = Deed::new(Act::ManageTemplates, "delete", &template_id, named).changed(Some(said), None);
        let kept = self.write_down("a template that Meta deleted", move |at| {
            let (known, deed) = (known.clone(), deed.clone());
            async move {
                let tx = at.state.database.operator_for(&at.scope).await?;
                audit::any_organization_record(&tx, &at.scope, at.state.clock.now(), &at.actor, &deed).await?;
                let (name, now) = (known.name.as_deref().unwrap_or_default(), at.state.clock.now());
                let only = (!all).then_some(known.template_id.as_str());
                template::delete(tx, &at.scope, now, &at.waba_id, name, only).await?;
                let tx = at.state.database.tenant(&at.scope).await?;
                Ok(template::get(&tx, id).await?)
            }
        });
        kept.await.ok_or_else(|| unwritten(&template_id, language))?.ok_or_else(not_there)
    }

    /// Has the account read soon: nobody knows what became of a call.
    pub(super) async fn read_soon(&self) {
        let asked = self.write_down("that templates are to be read anew", |at| async move {
            let tx = at.state.database.operator_for(&at.scope).await?;
            sync::ask(&tx, &at.scope, Some(&at.waba_id), at.state.clock.now()).await?;
            tx.commit().await
        });
        asked.await.unwrap_or_default();
    }

    async fn write_down<T, F>(&self, what: &'static str, write: impl Fn(At) -> F + Send + 'static) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CommitError>> + Send + 'static,
    {
        let (state, actor) = (self.state.clone(), self.caller.actor());
        let at = At { state, scope: *self.scope(), waba_id: self.waba_id.clone(), actor };
        behind::write_down(what, move || write(at.clone())).await
    }
}

/// Whose account it is, for what is written when nobody waits any more.
#[derive(Clone)]
struct At {
    state: State,
    scope: Scope,
    waba_id: String,
    actor: Actor,
}

/// Meta did it, and it could not be written down here yet.
fn unwritten(template_id: &str, language: Language) -> Problem {
    Problem::unknown(language.of(
        format!(
            "Meta did this to template {template_id}, but wazapp's database is away and does not know it yet. Do not send it \
             again: `GET /templates` shows it once the account has been read anew."
        ),
        format!(
            "Meta hizo esto con la plantilla {template_id}, pero la base de datos de wazapp no está y aún no lo sabe. No lo \
             envíes otra vez: `GET /templates` la muestra cuando la cuenta se haya leído de nuevo."
        ),
    ))
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
