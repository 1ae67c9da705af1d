//! `/_sim/*` for Apps, tokens and numbers: sign-ups, revocations, and what Meta decides about a number.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Mistake, read};
use crate::engine::Meta;
use crate::webhook::Update;
use crate::world::{App, Business, SignUp, Task, Throughput, World};

/// The routes below `/_sim`.
pub(crate) fn router() -> Router<Arc<Meta>> {
    Router::new()
        .route("/signup", post(sign_up))
        .route("/offboard", post(offboard))
        .route("/apps", post(app))
        .route("/tokens", post(token).delete(revoke))
        .route("/numbers/{id}", post(number))
}

type Answer = Result<Json<Value>, Mistake>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signing {
    app_id: Option<String>,
    business: Option<String>,
    phone: Option<String>,
    feature: Option<String>,
    /// Seconds that the token lives.
    expires_in: Option<i64>,
    /// Whether the owner of a phone app shares its past.
    history: Option<bool>,
    /// What the token may do, if not everything.
    scopes: Option<Vec<String>>,
}

const COEXISTENCE: &str = "whatsapp_business_app_onboarding";

/// A person went through Embedded Signup; answers the code and what the browser hears (§9.3).
async fn sign_up(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Answer {
    let asked: Signing = read(&body)?;
    let coexists = match asked.feature.as_deref() {
        None | Some("") => false,
        Some(COEXISTENCE) => true,
        Some(other) => return Err(Mistake::bad(format!("feature is {COEXISTENCE} or nothing, not {other}"))),
    };
    let now = meta.clock.now();
    let mut world = meta.world();
    let app_id = app_or_first(&world, asked.app_id)?;
    let wish = SignUp {
        app_id: &app_id,
        business: asked.business.as_deref(),
        phone: asked.phone.as_deref(),
        coexists,
        shares_history: asked.history.unwrap_or(true),
        token_life: asked.expires_in,
        scopes: asked.scopes,
    };
    let done = world.sign_up(&wish, now).map_err(Mistake::bad)?;
    let session = if coexists {
        json!({
            "type": "WA_EMBEDDED_SIGNUP", "event": "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING",
            "data": { "waba_id": done.waba_id }, "version": 3,
        })
    } else {
        json!({
            "type": "WA_EMBEDDED_SIGNUP", "event": "FINISH", "version": "3",
            "data": {
                "phone_number_id": done.phone_number_id, "waba_id": done.waba_id, "business_id": done.business_id,
            },
        })
    };
    Ok(Json(json!({ "code": done.code, "session": session })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaving {
    waba_id: String,
}

/// A business closes an account to the Apps.
async fn offboard(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Answer {
    let Leaving { waba_id } = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    known_waba(&world, &waba_id)?;
    world.offboard(&waba_id, now);
    Ok(Json(json!({ "success": true })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnApp {
    id: Option<String>,
    secret: Option<String>,
    name: Option<String>,
    needs_proof: Option<bool>,
}

/// Adds an App; of one that is there, changes what is named.
async fn app(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Answer {
    let asked: AnApp = read(&body)?;
    let mut world = meta.world();
    let id = asked.id.unwrap_or_else(|| world.chance.id());
    if !world.apps.contains_key(&id) {
        let app = App {
            id: id.clone(),
            name: format!("App {}", world.apps.len() + 1),
            secret: world.chance.hex(16),
            business_id: world.chance.id(),
            needs_proof: false,
            subscription: None,
        };
        world.apps.insert(id.clone(), app);
    }
    let app = &mut world.apps[&id];
    app.secret = asked.secret.unwrap_or_else(|| app.secret.clone());
    app.name = asked.name.unwrap_or_else(|| app.name.clone());
    app.needs_proof = asked.needs_proof.unwrap_or(app.needs_proof);
    Ok(Json(json!({
        "id": app.id, "secret": app.secret, "name": app.name, "needs_proof": app.needs_proof,
        "business_id": app.business_id,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AToken {
    waba_id: String,
    app_id: Option<String>,
    expires_in: Option<i64>,
    scopes: Option<Vec<String>>,
    /// `false`: `debug_token` names no accounts of it.
    names_accounts: Option<bool>,
}

/// A token for an account.
async fn token(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Answer {
    let asked: AToken = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    known_waba(&world, &asked.waba_id)?;
    let app_id = app_or_first(&world, asked.app_id)?;
    let business_id = world.wabas[&asked.waba_id].business_id.clone();
    let word = world.issue(&app_id, &business_id, vec![asked.waba_id], asked.scopes, asked.expires_in, now);
    if let Some(token) = world.tokens.get_mut(&word) {
        token.names_wabas = asked.names_accounts.unwrap_or(true);
    }
    Ok(Json(json!({ "token": word })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoking {
    token: String,
}

/// A token is worth nothing any more (190, subcode 460).
async fn revoke(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Answer {
    let asked: Revoking = read(&body)?;
    let mut world = meta.world();
    let token = world.tokens.get_mut(&asked.token);
    token.ok_or_else(|| Mistake::not_found("there is no such token"))?.revoked = true;
    Ok(Json(json!({ "success": true })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ANumber {
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    quality: Option<String>,
    /// `STANDARD` or `HIGH`.
    throughput: Option<String>,
    maintenance_seconds: Option<i64>,
    registered: Option<bool>,
    coexistence: Option<bool>,
    /// `APPROVED`, `DEFERRED`, `PENDING` or `REJECTED`.
    name_decision: Option<String>,
    rejection_reason: Option<String>,
}

/// Changes a number as Meta does, and tells so.
async fn number(State(meta): State<Arc<Meta>>, Path(id): Path<String>, body: bytes::Bytes) -> Answer {
    let asked: ANumber = read(&body)?;
    one_of("quality", asked.quality.as_deref(), &["GREEN", "YELLOW", "RED", "UNKNOWN"])?;
    one_of("throughput", asked.throughput.as_deref(), &["STANDARD", "HIGH"])?;
    one_of("name_decision", asked.name_decision.as_deref(), &["APPROVED", "DEFERRED", "PENDING", "REJECTED"])?;
    let now = meta.clock.now();
    let mut world = meta.world();
    let number = world.numbers.get_mut(&id);
    let number = number.ok_or_else(|| Mistake::not_found(format!("there is no number {id}")))?;
    if let Some(registered) = asked.registered {
        number.registered = registered;
    }
    if let Some(seconds) = asked.maintenance_seconds {
        number.maintenance_until = Some(now + SignedDuration::from_secs(seconds));
    }
    if let Some(coexists) = asked.coexistence {
        number.throughput = if coexists { Throughput::Coexistence } else { Throughput::Standard };
        number.synced.clear();
        number.onboarded_at = now;
    }
    if let Some(quality) = asked.quality {
        judge_quality(&mut world, &id, quality, now);
    }
    match asked.throughput.as_deref() {
        Some("HIGH") => upgrade(&mut world, &id, now),
        Some(_) => world.numbers[&id].throughput = Throughput::Standard,
        None => {}
    }
    if let Some(decision) = asked.name_decision {
        judge_name(&mut world, &id, &decision, asked.rejection_reason, now);
    }
    Ok(Json(json!({ "success": true })))
}

/// Of quality, Meta tells only that a number is flagged, or is no longer.
fn judge_quality(world: &mut World, id: &str, quality: String, now: Timestamp) {
    let before = std::mem::replace(&mut world.numbers[id].quality, quality.clone());
    let event = match (before == "RED", quality == "RED") {
        (false, true) => "FLAGGED",
        (true, false) => "UNFLAGGED",
        _ => return,
    };
    let value = json!({ "event": event, "max_daily_conversations_per_business": tier(world, id) });
    world.tell_account(id, "phone_number_quality_update", value, now);
}

/// 1,000 a second, after a minute in which nothing is accepted (§11).
fn upgrade(world: &mut World, id: &str, now: Timestamp) {
    let done = now + SignedDuration::from_mins(1);
    let tier = tier(world, id);
    let number = &mut world.numbers[id];
    number.throughput = Throughput::High;
    number.maintenance_until = Some(done);
    let value = json!({
        "display_phone_number": number.digits, "event": "THROUGHPUT_UPGRADE",
        "max_daily_conversations_per_business": tier,
    });
    let update = Update::account(&number.waba_id, "phone_number_quality_update", value, done.as_second());
    world.at(done, Task::Emit(Box::new(update)));
}

fn judge_name(world: &mut World, id: &str, decision: &str, reason: Option<String>, now: Timestamp) {
    let number = &mut world.numbers[id];
    let asked_for = number.new_name.clone().unwrap_or_else(|| number.verified_name.clone());
    match decision {
        "APPROVED" => {
            number.verified_name.clone_from(&asked_for);
            number.new_name = None;
            number.name_status = "APPROVED".into();
        }
        // A name that was approved before stays the number's.
        "REJECTED" if number.new_name.take().is_none() => number.name_status = "DECLINED".into(),
        "REJECTED" => {}
        _ if number.new_name.is_none() => number.name_status = "PENDING_REVIEW".into(),
        _ => {}
    }
    let reason = (decision == "REJECTED").then(|| reason.unwrap_or_else(|| "NAME_NOT_CONSISTENT".into()));
    let value = json!({ "decision": decision, "requested_verified_name": asked_for, "rejection_reason": reason });
    world.tell_account(id, "phone_number_name_update", value, now);
}

fn tier(world: &World, id: &str) -> &'static str {
    world.business_of(id).map_or("TIER_NOT_SET", Business::tier)
}

fn one_of(name: &str, given: Option<&str>, words: &[&str]) -> Result<(), Mistake> {
    match given {
        Some(given) if !words.contains(&given) => Err(Mistake::bad(format!("{name} is one of {}", words.join(", ")))),
        _ => Ok(()),
    }
}

fn known_waba(world: &World, id: &str) -> Result<(), Mistake> {
    if world.wabas.contains_key(id) {
        return Ok(());
    }
    Err(Mistake::not_found(format!("there is no account {id}; GET /_sim/state lists them")))
}

fn app_or_first(world: &World, id: Option<String>) -> Result<String, Mistake> {
    let id = id.or_else(|| world.apps.keys().next().cloned()).unwrap_or_default();
    if world.apps.contains_key(&id) { Ok(id) } else { Err(Mistake::not_found(format!("there is no App {id}"))) }
}
