//! Templates made or changed through here, known here at once: who makes one sends it next.

use axum::body::Body;
use axum::response::Response;
use model::link::Link;
use model::template::{self, Listed, Source, sync};
use serde_json::Value;
use whatsapp::graph::CreatedTemplate;

use super::call::Call;
use super::error::GraphError;
use super::objects::answered;
use super::relay::{Carried, relay};
use crate::behind::write_down;

/// Makes a template of an account.
pub(super) async fn create(call: &Call, link: &Link, body: Body) -> Result<Response, GraphError> {
    let carried = Carried::read(call, body).await?;
    let asked_at = call.state.clock.now();
    let relayed = relay(call, &call.credential(link)?, &carried).await?;
    let made = if (200..300).contains(&relayed.http) { CreatedTemplate::read(&relayed.body) } else { None };
    let said = |name: &str| carried.text(name).or_else(|| call.text(name)).map(str::to_owned);
    if let Some((made, name)) = made.zip(said("name")) {
        let listed = Listed {
            template_id: made.id,
            name,
            language: said("language"),
            status: made.status.or_else(|| Some("PENDING".into())),
            category: made.category.or_else(|| said("category")),
            parameter_format: Some(said("parameter_format").unwrap_or_else(|| "POSITIONAL".into()).to_uppercase()),
            components: components(&carried),
            ..Listed::default()
        };
        let (state, scope, waba_id) = (call.state.clone(), call.scope, link.waba_id.clone());
        write_down("a template that Meta made", move || {
            let (state, waba_id, listed) = (state.clone(), waba_id.clone(), [listed.clone()]);
            async move {
                let (tx, now) = (state.database.operator_for(&scope).await?, state.clock.now());
                template::save(tx, &scope, &waba_id, asked_at, now, &listed, Source::Change).await
            }
        })
        .await;
    }
    read_soon(call, &link.waba_id).await;
    answered(&relayed)
}

/// Its parts, which may be JSON in a text.
fn components(carried: &Carried) -> Option<Value> {
    let given = match carried {
        Carried::Members(members) => members.get("components")?.clone(),
        _ => return None,
    };
    let given = match given.as_str() {
        Some(text) => serde_json::from_str(text).ok()?,
        None => given,
    };
    given.is_array().then_some(given)
}

/// Has an account's templates read soon: something was changed that its answer does not tell.
pub(super) async fn read_soon(call: &Call, waba_id: &str) {
    let (state, scope, waba_id) = (call.state.clone(), call.scope, waba_id.to_owned());
    write_down("that templates are to be read anew", move || {
        let (state, waba_id) = (state.clone(), waba_id.clone());
        async move {
            let tx = state.database.operator_for(&scope).await?;
            sync::ask(&tx, &scope, Some(&waba_id), state.clock.now()).await?;
            tx.commit().await
        }
    })
    .await;
}
