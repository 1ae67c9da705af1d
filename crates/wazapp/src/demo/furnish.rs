//! From an empty server to two organizations with weeks of conversations, or back to what they were.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use model::act::Role;
use model::api_key::NewKey;
use model::conversation::Filter;
use model::database::Operator;
use model::event::{self, Line};
use model::number::Proof;
use model::organization::Organization;
use model::scope::Scope;
use model::secret::Keyring;
use model::user::{self, Email, Language, NewUser, Passwords};
use model::{Clock, Database, api_key, conversation, inbound, membership, number, organization};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use simulator::Simulator;
use uuid::Uuid;
use web::SignInLink;

use super::kept::Kept;
use super::welcome::{Furnished, Person, SignIn, Welcome};
use crate::config::Config;
use crate::open;
use crate::print::Print;

/// How often it is looked whether all was applied.
const LOOK: Duration = Duration::from_millis(20);

/// The customer whose phone the welcome opens.
const PERSON: &str = "Mariana Ortega";

/// Who works in the demo; the first is the visitor.
const PEOPLE: [(&str, &str); 3] = [
    ("demo@wazapp.example", "Lucía Pérez"),
    ("marta@wazapp.example", "Marta Ruiz"),
    ("luis@wazapp.example", "Luis Gómez"),
];

/// `/_sim/state`, as far as it is needed.
#[derive(Deserialize)]
struct State {
    businesses: Vec<Business>,
}

#[derive(Deserialize)]
struct Business {
    name: String,
    wabas: Vec<Waba>,
}

#[derive(Deserialize)]
struct Waba {
    id: String,
    token: String,
    numbers: Vec<Number>,
}

#[derive(Clone, Deserialize)]
struct Number {
    phone_number_id: String,
    display_phone_number: String,
    verified_name: String,
}

/// Brings the server to where the demo begins; what is there already stays as it is.
pub(super) async fn run(
    config: &Config,
    print: &Print,
    database: &Database,
    address: SocketAddr,
    (meta, link): (&Simulator, &SignInLink),
) -> anyhow::Result<Welcome> {
    let url = config.public_url(address);
    let control = Control { url: meta.url(), client: crate::outside::http().build()? };
    let state: State = control.get("state").await?;
    let keyring = open::keyring(config)?;
    let mut kept = Kept::read(&config.data_dir)?;
    let mut organizations = Vec::new();
    for business in &state.businesses {
        let tx = database.operator().await?;
        let own = organization(&tx, &business.name).await?;
        connect(&event::line_of(&tx, &own.scope()).await?, &keyring, &own.scope(), business).await?;
        tx.commit().await?;
        let key = key(database, &own, &mut kept).await?;
        organizations.push(furnished(own, key, business));
    }
    let sign_in = people(database, &organizations, &mut kept).await?;
    let sign_in = SignIn { link: link.address(&url), ..sign_in };
    kept.write(&config.data_dir)?;

    let verify_token = config.meta_verify_token.as_ref().map(|token| token.expose_secret());
    control.post("callback", &json!({ "url": format!("{url}/webhook"), "verify_token": verify_token })).await?;
    let numbers: BTreeSet<String> =
        organizations.iter().flat_map(|own| &own.numbers).map(|number| number.phone_number_id.clone()).collect();
    if kept.told == numbers {
        meta.remember(kept.told_at);
    } else {
        let progress = print.progress("four weeks of conversations come in");
        meta.tell(kept.told_at).await;
        applied(database).await?;
        progress.finish_and_clear();
        for own in &organizations {
            read_what_is_answered(database, &own.scope).await?;
        }
        kept.told = numbers;
        kept.write(&config.data_dir)?;
    }
    let customers: Value = control.get("customers").await?;
    let person = person(&customers).context("the simulator knows nobody of that name")?;
    Ok(Welcome { url, simulator: meta.url(), data_dir: config.data_dir.clone(), person, sign_in, organizations })
}

async fn organization(tx: &Operator, name: &str) -> anyhow::Result<Organization> {
    match organization::find(tx, &organization::slug(name)).await? {
        Some(known) => Ok(known),
        None => Ok(organization::create(tx, name).await?),
    }
}

async fn connect(line: &Line<'_>, keyring: &Keyring, scope: &Scope, business: &Business) -> anyhow::Result<()> {
    for waba in &business.wabas {
        let token = SecretString::from(waba.token.clone());
        for Number { phone_number_id, .. } in &waba.numbers {
            let proof = Proof::operators_word(scope, phone_number_id, &waba.id, None, &token);
            if let Err(refusal) = number::connect(line, keyring, &proof, Clock::default().now()).await? {
                bail!("number {phone_number_id} of {} can't be connected: {refusal:?}", business.name);
            }
        }
    }
    Ok(())
}

/// Who works there: the visitor owns all of it, and has colleagues at the first.
async fn people(database: &Database, organizations: &[Furnished], kept: &mut Kept) -> anyhow::Result<SignIn> {
    let password = kept.password.get_or_insert_with(|| Uuid::new_v4().simple().to_string()[..16].to_owned()).clone();
    let tx = database.operator().await?;
    let now = Clock::default().now();
    for (nth, (address, name)) in PEOPLE.into_iter().enumerate() {
        let email: Email = address.parse().map_err(|_| anyhow::anyhow!("{address} is no address"))?;
        if user::by_email(&tx, &email).await?.is_some() {
            continue;
        }
        let hash = match nth {
            0 => Some(hashed(&password).await?),
            _ => None,
        };
        let (password, zone) = (hash.as_deref(), "America/Mexico_City");
        let new = NewUser {
            email: &email,
            name,
            password,
            is_operator: nth == 0,
            vouched: true,
            language: Language::Es,
            zone,
        };
        let Some(made) = user::create(&tx, now, &new).await? else { continue };
        let (at, role) = if nth == 0 { (organizations, Role::Owner) } else { (&organizations[..1], Role::Agent) };
        for own in at {
            membership::add(&tx, now, &own.scope, made.id, role).await?;
        }
    }
    tx.commit().await?;
    Ok(SignIn { email: PEOPLE[0].0.to_owned(), password, link: String::new() })
}

/// Whose account the visitor's link opens.
pub(super) fn visitor() -> anyhow::Result<Email> {
    let (address, _) = PEOPLE[0];
    address.parse().map_err(|_| anyhow::anyhow!("{address} is no address"))
}

async fn hashed(password: &str) -> anyhow::Result<String> {
    let hashed = Passwords::default().hash(password.into()).await;
    hashed.map_err(|_| anyhow::anyhow!("this machine is too busy to keep a password: start the demo again"))
}

/// The key of the last start while it is in force, else a new one.
async fn key(database: &Database, own: &Organization, kept: &mut Kept) -> anyhow::Result<String> {
    if let Some(key) = kept.keys.get(&own.slug) {
        let opens = api_key::authenticate(database, Clock::default().now(), &SecretString::from(key.clone())).await?;
        if opens.is_some_and(|opened| opened.scope.organization_id() == own.id) {
            return Ok(key.clone());
        }
    }
    let tx = database.tenant(&own.scope()).await?;
    let (_, key) = api_key::create(&tx, Clock::default().now(), &NewKey::whole("demo")).await?;
    tx.commit().await?;
    kept.keys.insert(own.slug.clone(), key.expose_secret().to_owned());
    Ok(key.expose_secret().to_owned())
}

fn furnished(own: Organization, key: String, business: &Business) -> Furnished {
    let numbers = business.wabas.iter().flat_map(|waba| waba.numbers.clone());
    let shown = |number: Number| super::welcome::Number {
        phone_number_id: number.phone_number_id,
        display_phone_number: number.display_phone_number,
        name: number.verified_name,
    };
    Furnished {
        scope: own.scope(),
        id: own.id,
        slug: own.slug,
        name: own.name,
        key,
        numbers: numbers.map(shown).collect(),
    }
}

/// Waits until everything received is applied.
async fn applied(database: &Database) -> anyhow::Result<()> {
    loop {
        let tx = database.operator().await?;
        let left = inbound::unapplied(&tx).await?;
        tx.close();
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whoever answered has read what was written.
async fn read_what_is_answered(database: &Database, scope: &Scope) -> anyhow::Result<()> {
    let tx = database.tenant(scope).await?;
    let unread = Filter { unread: true, ..Filter::default() };
    for open in conversation::list(&tx, &unread, None, 100).await?.data {
        if open.last_message.is_some_and(|last| last.direction == "outbound") {
            conversation::mark_read(&tx, Clock::default().now(), open.id).await?;
        }
    }
    Ok(tx.commit().await?)
}

fn person(customers: &Value) -> Option<Person> {
    let known = customers["data"].as_array()?.iter().find(|customer| customer["name"] == PERSON)?;
    Some(Person { key: known["key"].as_str()?.to_owned(), name: PERSON.to_owned() })
}

/// The simulator's controls.
struct Control {
    url: String,
    client: reqwest::Client,
}

impl Control {
    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.answer(path, self.client.get(self.address(path))).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(path, self.client.post(self.address(path)).body(body.to_string())).await
    }

    fn address(&self, path: &str) -> String {
        format!("{}/_sim/{path}", self.url)
    }

    async fn answer<T: DeserializeOwned>(&self, path: &str, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        let answer = request.send().await.with_context(|| format!("the simulator does not answer {path}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("the simulator answers {path} with {status}: {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }
}
