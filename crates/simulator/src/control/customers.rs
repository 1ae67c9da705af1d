//! `/_sim/customers`: who writes to businesses, how their phones behave, and what they answer by themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, patch, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Mistake, read};
use crate::engine::Meta;
use crate::world::World;
use crate::world::customer::{Reads, Rule, digits, username};

/// The routes below `/_sim/customers`.
pub(crate) fn router() -> Router<Arc<Meta>> {
    Router::new()
        .route("/customers", get(list).post(add))
        .route("/customers/{key}", patch(change))
        .route("/customers/{key}/number", post(change_number))
        .route("/customers/{key}/preferences", post(prefer))
}

/// What can be said of a customer; what is not said stays.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) hides_phone: Option<bool>,
    pub(crate) on_whatsapp: Option<bool>,
    pub(crate) reads: Option<Reads>,
    pub(crate) blocks: Option<BTreeSet<String>>,
    pub(crate) script: Option<Vec<Rule>>,
}

impl Said {
    /// Checks phone and username, and writes them as WhatsApp does.
    pub(crate) fn checked(mut self, world: &World, own: Option<&str>) -> Result<Self, Mistake> {
        let another = |key: &str| own.is_none_or(|own| own != key);
        if let Some(written) = &self.phone {
            let phone = digits(written).ok_or_else(|| Mistake::bad("phone is 7 to 15 digits with the country code"))?;
            if world.customer_by_phone(&phone).is_some_and(|customer| another(&customer.key)) {
                return Err(Mistake::conflict(format!("another customer has the phone {phone}")));
            }
            self.phone = Some(phone);
        }
        if let Some(written) = &self.username {
            let name = username(written).ok_or_else(|| Mistake::bad("username is 3 to 35 of a-z, 0-9, . and _"))?;
            if world.customer_by_username(&name).is_some_and(|customer| another(&customer.key)) {
                return Err(Mistake::conflict(format!("another customer has the username {name}")));
            }
            self.username = Some(name);
        }
        for number in self.blocks.iter().flatten() {
            known_number(world, number)?;
        }
        for rule in self.script.iter().flatten() {
            if !rule.answer.is_object() {
                return Err(Mistake::bad("a script's answer is a message object, or {\"type\":\"tap\"}"));
            }
        }
        Ok(self)
    }

    /// Makes it so, all but the phone.
    fn apply(self, world: &mut World, key: &str, now: jiff::Timestamp) {
        let customer = &mut world.customers[key];
        if let Some(name) = self.name {
            customer.name = Some(name).filter(|name| !name.trim().is_empty());
        }
        if let Some(username) = self.username {
            customer.username = Some(username);
        }
        if let Some(hides) = self.hides_phone {
            customer.hides_phone = hides;
        }
        if let Some(on) = self.on_whatsapp {
            customer.on_whatsapp = on;
        }
        if let Some(blocks) = self.blocks {
            customer.blocks = blocks;
        }
        if let Some(script) = self.script {
            customer.script = script;
        }
        let reads = self.reads.unwrap_or(customer.reads);
        world.set_reads(key, reads, now);
    }
}

/// Adds a customer; answers the key.
pub(crate) fn add_customer(world: &mut World, said: Said, now: jiff::Timestamp) -> Result<String, Mistake> {
    let said = said.checked(world, None)?;
    if said.phone.is_none() && said.username.is_none() {
        return Err(Mistake::bad("a customer has a phone, a username, or both"));
    }
    let key = world.add_customer(said.name.as_deref(), said.phone.as_deref(), said.username.as_deref());
    said.apply(world, &key, now);
    Ok(key)
}

/// Changes what is said of a customer. A first phone is taken as it is; another one is a change of number.
pub(crate) fn change_customer(world: &mut World, key: &str, said: Said, now: jiff::Timestamp) -> Result<(), Mistake> {
    known(world, key)?;
    let said = said.checked(world, Some(key))?;
    if let Some(phone) = &said.phone {
        let customer = &mut world.customers[key];
        match &customer.phone {
            None => customer.take_phone(phone),
            Some(was) if was == phone => {}
            Some(_) => {
                return Err(Mistake::bad(format!("POST /_sim/customers/{key}/number changes a phone number")));
            }
        }
    }
    said.apply(world, key, now);
    Ok(())
}

/// Checks that there is such a customer.
pub(crate) fn known(world: &World, key: &str) -> Result<(), Mistake> {
    match world.customers.contains_key(key) {
        true => Ok(()),
        false => Err(Mistake::not_found(format!("there is no customer {key}; GET /_sim/customers lists them"))),
    }
}

/// Checks that there is such a number.
pub(crate) fn known_number(world: &World, phone_number_id: &str) -> Result<(), Mistake> {
    match world.numbers.contains_key(phone_number_id) {
        true => Ok(()),
        false => Err(Mistake::not_found(format!("there is no number {phone_number_id}; GET /_sim/state lists them"))),
    }
}

async fn list(State(meta): State<Arc<Meta>>) -> axum::Json<Value> {
    let world = meta.world();
    let all: Vec<Value> = world.customers.values().map(crate::world::Customer::show).collect();
    axum::Json(json!({ "data": all }))
}

async fn add(State(meta): State<Arc<Meta>>, body: bytes::Bytes) -> Result<axum::Json<Value>, Mistake> {
    let said: Said = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    let key = add_customer(&mut world, said, now)?;
    Ok(axum::Json(world.customers[&key].show()))
}

async fn change(
    State(meta): State<Arc<Meta>>,
    Path(key): Path<String>,
    body: bytes::Bytes,
) -> Result<axum::Json<Value>, Mistake> {
    let said: Said = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    change_customer(&mut world, &key, said, now)?;
    Ok(axum::Json(world.customers[&key].show()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNumber {
    phone: String,
}

/// The customer takes another phone number (§4.5).
async fn change_number(
    State(meta): State<Arc<Meta>>,
    Path(key): Path<String>,
    body: bytes::Bytes,
) -> Result<axum::Json<Value>, Mistake> {
    let said: NewNumber = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    known(&world, &key)?;
    let said = Said { phone: Some(said.phone), ..Said::default() }.checked(&world, Some(&key))?;
    world.change_number(&key, said.phone.as_deref().unwrap_or_default(), now);
    Ok(axum::Json(world.customers[&key].show()))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Marketing {
    Stop,
    Resume,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preference {
    phone_number_id: String,
    marketing: Marketing,
}

/// The customer stops a number's marketing, or takes it again (§7).
async fn prefer(
    State(meta): State<Arc<Meta>>,
    Path(key): Path<String>,
    body: bytes::Bytes,
) -> Result<axum::Json<Value>, Mistake> {
    let said: Preference = read(&body)?;
    let now = meta.clock.now();
    let mut world = meta.world();
    known(&world, &key)?;
    known_number(&world, &said.phone_number_id)?;
    world.prefers_marketing(&said.phone_number_id, &key, matches!(said.marketing, Marketing::Stop), now);
    Ok(axum::Json(world.customers[&key].show()))
}
