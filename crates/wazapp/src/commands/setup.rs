//! `wazapp setup`: from a bare server to the first conversation. Each step is a command of its own; here they follow one another,
//! and what is there already is passed over, so that whoever breaks off goes on where they were.

mod ask;
mod service;

use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use data_encoding::HEXLOWER;
use model::Clock;
use model::act::Role;
use model::connection::Wishes;
use model::membership;
use model::name::Name;
use model::number::{self, Number};
use model::organization::Organization;
use model::user::{self, Email, Language, NewUser};
use secrecy::SecretString;
use serde_json::{Value, json};

use self::ask::Ask;
use self::service::Service;
use super::app::setup::{META, Wanted, carry, wanted};
use super::doctor::callback::proves_itself;
use super::number::connect;
use super::{SecretArg, app, organization, user as users};
use crate::config::Config;
use crate::open;
use crate::print::Print;
use crate::serve::{public_url, running_public_url};
use crate::unit;

/// Between two looks at a callback that does not answer yet.
const LOOK: Duration = Duration::from_secs(2);

/// Where nobody sits at the terminal, a callback is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(crate) struct Setup {
    /// Meta's id of the App.
    #[arg(long)]
    app_id: Option<Id>,
    /// The App's secret; - reads it from standard input.
    #[arg(long)]
    app_secret: Option<SecretArg>,
    /// Have the App's webhooks come here also where they go to another server now, which hears nothing more then.
    #[arg(long)]
    replace: bool,
    /// What the first organization is called.
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
    /// The address of whoever owns it, and runs this server.
    #[arg(long, value_name = "EMAIL")]
    owner: Option<Email>,
    /// Connect no number yet.
    #[arg(long, conflicts_with_all = ["phone_number_id", "waba_id", "token", "pin"])]
    without_number: bool,
    /// Meta's id of the number.
    #[arg(long)]
    phone_number_id: Option<Id>,
    /// Meta's id of its WhatsApp Business Account.
    #[arg(long)]
    waba_id: Option<Id>,
    /// The access token; - reads it from standard input.
    #[arg(long)]
    token: Option<SecretArg>,
    /// Six digits, for a number that is not registered with the Cloud API yet; - reads them from standard input.
    #[arg(long)]
    pin: Option<SecretArg>,
}

/// An id of Meta's: digits.
#[derive(Clone, Debug)]
struct Id(String);

impl FromStr for Id {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err("an id of Meta's is digits only") }
    }
}

/// Where others reach a server.
#[derive(Clone, Debug)]
struct Address(String);

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = text.trim_end_matches('/').strip_prefix("https://").filter(|host| !host.is_empty());
        match host {
            Some(host) if !host.contains('/') => Ok(Self(format!("https://{host}"))),
            _ => Err("Meta calls HTTPS alone: write it like https://wa.example.org"),
        }
    }
}

/// The App by which everything goes.
struct Chosen {
    /// `None`: the default one.
    id: Option<String>,
    wanted: Wanted,
}

pub(crate) async fn run(config: &Config, print: &Print, said: Setup) -> anyhow::Result<ExitCode> {
    let ask = Ask::new(print);
    let service = Service::find(config);
    if service == Service::Elsewhere {
        bail!(
            "the service of this machine has its data elsewhere than in {}; it is set up by: {}",
            config.data_dir.display(),
            unit::typed("setup")
        );
    }
    ask.step(1, "Where this server is reached");
    let address = address(config, &ask, service)?;
    ask.step(2, "The Meta App");
    let app = meta_app(config, &ask, &said, &address).await?;
    ask.step(3, "Its webhooks");
    until_it_proves_itself(config, &ask, &app.wanted, (&address, service)).await?;
    let set = carry(config, print, &app.wanted, said.replace).await?;
    ask.done(&format!("Meta sends them to {}", app.wanted.callback));
    ask.step(4, "The first organization");
    let organization = first_organization(config, &ask, said.org.as_deref()).await?;
    ask.step(5, "Who owns it");
    let owner = owner(config, &ask, said.owner.as_ref(), &organization).await?;
    ask.step(6, "Its number");
    let number = match said.without_number {
        true => Ok(None),
        false => first_number(config, print, &ask, &said, (&organization, app.id.as_deref())).await?.map(Some),
    };
    let number = match number {
        Ok(number) => number,
        Err(refused) => return Ok(print.refused(&refused.value, &refused.line)),
    };
    let answer = json!({
        "url": address, "app": set, "organization": { "id": organization.id, "slug": organization.slug },
        "owner": owner, "number": number,
    });
    print.answer(&answer, || {
        let slug = &organization.slug;
        let next = match number {
            Some(_) => format!("Write to the number from a phone: the conversation appears at {address}/inbox."),
            None => format!(
                "Connect a number when you have one: wazapp setup again, or wazapp number connect --org {slug}."
            ),
        };
        format!("\n{next}\nwazapp doctor looks at everything at any time.")
    });
    Ok(ExitCode::SUCCESS)
}

/// A simulated Meta calls whatever there is.
fn address(config: &Config, ask: &Ask<'_>, service: Service) -> anyhow::Result<String> {
    let now = public_url(config);
    if now.starts_with("https://") || config.graph_url != META {
        ask.done(&now);
        return Ok(now.trim_end_matches('/').to_owned());
    }
    if service == Service::Here {
        ask.explain("Meta calls HTTPS alone, by a name that leads to this machine.");
        let Address(address) = ask.text(None, "Its address, as https://wa.example.org", &service::setting())?;
        ask.explain(&format!("In another terminal, tell it to the service.\n{}", service::lines(&address)));
        return Ok(address);
    }
    ask.explain(
        "Meta calls HTTPS alone. Either this server gets its certificate by itself, for a name that leads to this machine:\n\
         wazapp serve --domain wa.example.org --acme-email you@example.org\n\
         or a proxy in front of it has one (docs/operate.md has files for nginx, Caddy and Traefik):\n\
         wazapp serve --public-url https://wa.example.org",
    );
    let Address(address) = ask.text(None, "Its address, as https://wa.example.org", "--domain or --public-url")?;
    Ok(address)
}

async fn meta_app(config: &Config, ask: &Ask<'_>, said: &Setup, address: &str) -> anyhow::Result<Chosen> {
    let default = config.meta_app_id.as_deref();
    let named = said.app_id.as_ref().map(|Id(id)| id.as_str());
    if let Some(default) = default.filter(|default| named.is_none_or(|named| named == *default)) {
        ask.done(&format!("App {default}, as this server's settings say"));
        return Ok(Chosen { id: None, wanted: wanted(config, None, address).await? });
    }
    let known = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let known = model::app::list(&tx).await?;
        tx.close();
        Ok(known)
    })
    .await?;
    let id = match (named, known.as_slice()) {
        (None, [only]) => only.id.clone(),
        _ => {
            ask.explain(
                "https://developers.facebook.com/apps: Create App, use case \"Connect with customers through WhatsApp\", and your business.\n\
                 Then App settings, Basic: there are its App ID and its App secret.",
            );
            let Id(id) = ask.text(said.app_id.clone(), "App ID", "--app-id")?;
            id
        }
    };
    if known.iter().any(|app| app.id == id) {
        ask.done(&format!("App {id} is known"));
    } else {
        let secret = SecretArg::of(ask.secret(said.app_secret.as_ref(), "App secret", "--app-secret -")?);
        let verify_token = Some(SecretArg::of(random_word()?));
        let new = app::New { app_id: id.clone(), name: id.clone(), secret, verify_token, org: None };
        app::keep(config, &new).await?;
        ask.done(&format!("App {id} is kept, its secret sealed"));
    }
    let wanted = wanted(config, Some(&id), address).await?;
    Ok(Chosen { id: Some(id), wanted })
}

/// The word by which the callback proves itself to Meta; nobody has to know it.
fn random_word() -> anyhow::Result<SecretString> {
    let mut random = [0; 16];
    model::secret::random(&mut random).context("the system gives no random bytes")?;
    Ok(SecretString::from(HEXLOWER.encode(&random)))
}

/// Asks as Meta will, until the server answers as it must.
async fn until_it_proves_itself(
    config: &Config,
    ask: &Ask<'_>,
    app: &Wanted,
    at: (&str, Service),
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut told = String::new();
    loop {
        let Some(why) = why_not(config, app, at).await else { break };
        if !ask.somebody() && began.elapsed() >= PATIENCE {
            bail!("{why}");
        }
        if told != why {
            ask.explain(&format!(
                "{why}\nThis goes on by itself once it answers; Ctrl C ends it, and wazapp setup goes on here."
            ));
            told = why;
        }
        tokio::time::sleep(LOOK).await;
    }
    ask.done("the callback proves itself");
    Ok(())
}

async fn why_not(config: &Config, app: &Wanted, (address, service): (&str, Service)) -> Option<String> {
    match running_public_url(&config.data_dir) {
        None if service == Service::Here => Some(
            "The service does not run: sudo systemctl start wazapp; why it ended, journalctl -u wazapp tells.".into(),
        ),
        Some(other) if service == Service::Here && other.trim_end_matches('/') != address => {
            Some(format!("The service says that it is {other}, not {address}.\n{}", service::lines(address)))
        }
        None if config.database_url.is_none() => Some(format!(
            "No server runs on {}: start it, in another terminal or as a service.",
            config.data_dir.display()
        )),
        Some(other) if other.trim_end_matches('/') != address => Some(format!(
            "The server that runs here says that it is {other}: start it again with --domain or --public-url {address}."
        )),
        _ => proves_itself(config, &app.callback, &app.verify_token).await.err(),
    }
}

async fn first_organization(config: &Config, ask: &Ask<'_>, said: Option<&str>) -> anyhow::Result<Organization> {
    let known = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let known = model::organization::list(&tx).await?;
        tx.close();
        Ok(known)
    })
    .await?;
    let named = known.iter().find(|one| said.is_some_and(|said| one.name == said || one.slug == said));
    let there = match (named, said, known.as_slice()) {
        (Some(named), ..) => Some(named),
        (None, None, [only]) => Some(only),
        _ => None,
    };
    if let Some(there) = there {
        ask.done(&format!("{} ({})", there.name, there.slug));
        return Ok(there.clone());
    }
    let name = ask.text(said.map(str::to_owned), "What it is called", "--org")?;
    let made = organization::make(config, &Name::read(&name, 200)?).await?;
    ask.done(&format!("{} ({})", made.name, made.slug));
    Ok(made)
}

async fn owner(
    config: &Config,
    ask: &Ask<'_>,
    said: Option<&Email>,
    organization: &Organization,
) -> anyhow::Result<Value> {
    let scope = organization.scope();
    let (known, members) = open::with(config, async |opened| {
        let tx = opened.database.operator().await?;
        let known = user::list(&tx).await?;
        tx.close();
        let tx = opened.database.tenant(&scope).await?;
        let members = membership::list(&tx).await?;
        tx.close();
        Ok((known, members))
    })
    .await?;
    let mut owners = members.iter().filter(|one| one.role == Role::Owner).map(|one| one.email.as_str());
    if let Some(owner) = owners.find(|owner| said.is_none_or(|said| said.as_str() == *owner)) {
        ask.done(owner);
        return Ok(json!({ "email": owner }));
    }
    let email: Email = ask.text(said.cloned(), "Their e-mail address, with which they sign in", "--owner")?;
    if let Some(known) = known.iter().find(|one| one.email == email) {
        let known = known.clone();
        open::with(config, async |opened| {
            let (tx, now) = (opened.database.operator().await?, Clock::default().now());
            users::join(&tx, now, &scope, &known, Role::Owner).await?;
            Ok(tx.commit().await?)
        })
        .await?;
        ask.done(&format!("{email} owns it now, with the account that was there"));
        return Ok(json!({ "email": email }));
    }
    let new = NewUser {
        email: &email,
        name: email.as_str().split('@').next().unwrap_or_default(),
        password: None,
        is_operator: !known.iter().any(|one| one.is_operator),
        vouched: true,
        language: Language::default(),
        zone: "UTC",
    };
    let (made, link) = users::make(config, (Some(&organization.slug), Role::Owner), &new).await?;
    let url = users::password_url(config, &link);
    ask.done(&format!("{email} sets a password here; the link works once, for 7 days:\n\n     {url}"));
    Ok(json!({ "email": made.email, "setup_url": url }))
}

async fn first_number(
    config: &Config,
    print: &Print,
    ask: &Ask<'_>,
    said: &Setup,
    (organization, app_id): (&Organization, Option<&str>),
) -> anyhow::Result<Result<Value, connect::NotConnected>> {
    let scope = organization.scope();
    let numbers = open::with(config, async |opened| {
        let tx = opened.database.tenant(&scope).await?;
        let numbers = number::list(&tx, Clock::default().now()).await?;
        tx.close();
        Ok(numbers)
    })
    .await?;
    let said_id = said.phone_number_id.as_ref().map(|Id(id)| id.as_str());
    let is_there = |one: &&Number| one.status == "connected" && said_id.is_none_or(|said| one.phone_number_id == said);
    if let Some(there) = numbers.iter().find(is_there) {
        ask.done(&format!("{} is connected", there.phone_number_id));
        let value = json!({ "id": there.id, "phone_number_id": there.phone_number_id, "status": "connected" });
        return Ok(Ok(value));
    }
    ask.explain(
        "In the App, under WhatsApp, API Setup: the phone number ID and the WhatsApp Business Account ID.\n\
         The access token that lasts: business.facebook.com, Settings, System users: one with the role Admin, to which the App and the\n\
         WhatsApp account are assigned with full control. Generate token: this App, never expires, with the permissions\n\
         whatsapp_business_messaging and whatsapp_business_management.\n\
         Without a number for now: Ctrl C. Everything up to here stays.",
    );
    let Id(phone_number_id) =
        ask.text(said.phone_number_id.clone(), "Phone number ID", "--phone-number-id (or --without-number)")?;
    let Id(waba_id) = ask.text(said.waba_id.clone(), "WhatsApp Business Account ID", "--waba-id")?;
    let token = ask.secret(said.token.as_ref(), "Access token", "--token -")?;
    let pin = said.pin.as_ref().map(connect::pin).transpose()?;
    let wanted = connect::Wanted {
        organization: &organization.slug,
        phone_number_id: &phone_number_id,
        waba_id: &waba_id,
        app_id,
        wishes: Wishes::default(),
        token: &token,
        pin: pin.as_ref(),
    };
    Ok(connect::carry(config, print, &wanted).await?.map(|(value, _)| value))
}
