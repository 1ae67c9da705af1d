//! The parts themselves, and how each is started.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use guard::Guard;
use model::apps::Apps;
use model::inbound::Backlog;
use model::outbox::Wake;
use model::user::Passwords;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use web::health::Health;
use web::receive::Receiver;
use web::serve::{Admission, Challenges, Listening, Proxies, Tls, to_https};
use web::webhook::Webhook;
use web::{Provider, SetUpCode};
use whatsapp::graph::Graph;
use worker::ToMeta;

use super::{Https, OPERATORS, Setup, Source};
use crate::certificate::acme::{Authority, Shown};

/// What stops in an order.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Answers requests.
    pub(super) http: Part,
    /// Commits what Meta tells.
    pub(super) receive: Part,
    /// What requests under way wait for.
    pub(super) work: Part,
    /// What nobody waits for.
    pub(super) aside: Part,
    /// Keeps secrets readable.
    pub(super) keys: Part,
}

/// Tasks that stop together.
#[derive(Debug, Default)]
pub(super) struct Part {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Part {
    /// Runs a task that ends once it is told to stop.
    pub(super) fn spawn<F>(&mut self, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task(self.stop.clone()));
    }

    pub(super) async fn end(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What several parts of a server have in common.
pub(super) struct Shared {
    pub(super) to_meta: ToMeta,
    pub(super) guard: Guard,
    pub(super) provider: Option<Provider>,
    pub(super) public_url: String,
    pub(super) outbox: Arc<Wake>,
    pub(super) receipts: Arc<Wake>,
    pub(super) media: Arc<Wake>,
    pub(super) connections: Arc<Wake>,
    pub(super) mail: Arc<Wake>,
}

impl Shared {
    pub(super) fn new(setup: &Setup, address: SocketAddr) -> anyhow::Result<Self> {
        let public_url = setup.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let provider = setup.provider.clone();
        let provider = provider.map(|settings| Provider::new(settings, &public_url, setup.clock.clone())).transpose();
        let to_meta = ToMeta {
            clock: setup.clock.clone(),
            keyring: setup.keyring.clone(),
            apps: Apps::new(setup.default_app.clone(), setup.database.clone(), setup.keyring.clone()),
            graph: Graph::with_timeouts(&setup.graph_url, &setup.graph_version, setup.graph_timeouts)?,
        };
        Ok(Self {
            to_meta,
            guard: Guard::new(setup.allow_targets.clone()).context("the system's certificates cannot be read")?,
            provider: provider.map_err(|error| anyhow::anyhow!("the identity provider cannot be asked: {error}"))?,
            public_url,
            outbox: Arc::default(),
            receipts: Arc::default(),
            media: Arc::default(),
            connections: Arc::default(),
            mail: Arc::default(),
        })
    }
}

impl Parts {
    pub(super) fn receive(&mut self, setup: &Setup, backlog: &Arc<Backlog>) -> Receiver {
        let stop = &self.receive.stop;
        let (receiver, writers) =
            Receiver::start(&setup.database, backlog, &setup.clock, setup.writers, setup.queue, stop);
        self.receive.tasks = writers;
        receiver
    }

    pub(super) fn work(&mut self, setup: &Setup, shared: &Shared, backlog: &Arc<Backlog>) {
        let database = &setup.database;
        let inbound = worker::inbound::Settings {
            clock: setup.clock.clone(),
            media: shared.media.clone(),
            appliers: setup.appliers,
            batch: setup.batch,
        };
        self.work.spawn(|stop| worker::inbound::run(database.clone(), backlog.clone(), inbound, stop));
        self.work.spawn(|stop| shared.to_meta.apps.clone().keep_current(stop));
        let outbox = worker::outbox::Settings {
            to_meta: shared.to_meta.clone(),
            wake: shared.outbox.clone(),
            receipt_wake: shared.receipts.clone(),
            store: setup.store.clone(),
        };
        self.work.spawn(|stop| worker::outbox::run(database.clone(), outbox, stop));
    }

    pub(super) fn aside(&mut self, setup: &Setup, shared: &Shared) {
        let (database, clock, to_meta) = (&setup.database, &setup.clock, &shared.to_meta);
        let kept =
            worker::upkeep::Retention { inbound_days: setup.retention_days, quarantine_days: setup.quarantine_days };
        self.aside.spawn(|stop| worker::upkeep::run(database.clone(), clock.clone(), kept, stop));
        self.aside.spawn(|stop| worker::retention::run(database.clone(), clock.clone(), stop));
        let media = worker::media::Settings {
            to_meta: to_meta.clone(),
            store: setup.store.clone(),
            max_bytes: setup.media_max_bytes,
            decoder: setup.decoder.clone(),
            wake: shared.media.clone(),
        };
        self.aside.spawn(|stop| worker::media::run(database.clone(), media, stop));
        self.aside.spawn(|stop| worker::template::run(database.clone(), to_meta.clone(), stop));
        self.aside.spawn(|stop| model::event::relay(database.clone(), stop));
        let connections = worker::connection::Settings {
            to_meta: to_meta.clone(),
            public_url: shared.public_url.clone(),
            wake: shared.connections.clone(),
        };
        self.aside.spawn(|stop| worker::connection::run(database.clone(), connections, stop));
        if setup.looks_at_numbers {
            self.aside.spawn(|stop| worker::numbers::run(database.clone(), to_meta.clone(), stop));
        }
        let deliveries = worker::delivery::Settings {
            clock: clock.clone(),
            keyring: setup.keyring.clone(),
            guard: shared.guard.clone(),
        };
        self.aside.spawn(|stop| worker::delivery::run(database.clone(), deliveries, stop));
        if let Some(backups) = setup.backups.clone() {
            self.aside.spawn(|stop| worker::backup::schedule::run(database.clone(), backups, stop));
        }
        if let Some(post) = setup.post.clone() {
            let letters = web::Letters::new(&shared.public_url);
            let mail = worker::mail::Settings {
                clock: clock.clone(),
                post,
                write: Arc::new(move |now, letter| letters.write(now, letter)),
                wake: shared.mail.clone(),
            };
            self.aside.spawn(|stop| worker::mail::run(database.clone(), mail, stop));
        }
    }

    pub(super) fn serve(
        &mut self,
        setup: Setup,
        shared: Shared,
        webhook: Webhook,
        health: Health,
        (listener, secure): (TcpListener, Option<Listening>),
    ) {
        let ToMeta { clock, keyring, apps, graph } = shared.to_meta;
        let state = web::State {
            live: web::Live::new(clock.clone()),
            database: setup.database,
            clock,
            graph,
            keyring,
            guard: shared.guard,
            apps,
            wake: shared.outbox,
            receipt_wake: shared.receipts,
            stopping: self.http.stop.clone(),
            provider: shared.provider,
            desk: web::Desk::default(),
            gathering: web::Gathering::default(),
            passwords: Passwords::default(),
            set_up: setup.set_up.map(SetUpCode::new).unwrap_or_default(),
            sign_in_link: setup.sign_in_link,
            typing: web::api::Typing::default(),
            connecting: shared.connections,
            public_url: shared.public_url,
            mails: setup.post.is_some(),
            mail_wake: shared.mail,
            media_wake: shared.media,
            store: setup.store,
            version: env!("CARGO_PKG_VERSION"),
        };
        let router = web::router(state, webhook, health.clone(), setup.operators.is_some());
        if let Some(listener) = setup.operators {
            if let Ok(listen) = listener.local_addr() {
                tracing::info!(%listen, "metrics and details");
            }
            let admission = Admission::new(OPERATORS, Proxies::default());
            self.http.spawn(|stop| web::serve::serve(listener, web::health::routes(health), admission, stop));
        }
        if let Some(secure) = secure {
            self.http.spawn(|stop| web::serve::serve(secure, router.clone(), setup.admission.clone(), stop));
        }
        self.http.spawn(|stop| web::serve::serve(listener, router, setup.admission, stop));
    }

    /// Where HTTPS is spoken; its certificate is kept current, and whoever comes without it is led there.
    pub(super) async fn secure(&mut self, https: Https, setup: &Setup, shared: &Shared) -> Listening {
        let Https { listener, source, redirect, callers } = https;
        let (listen, clock) = (listener.local_addr(), setup.clock.clone());
        let answers_http = redirect.is_some();
        let (tls, challenges) = match source {
            Source::Files { certificate, files } => {
                tracing::info!(?listen, until = %certificate.not_after(), "HTTPS");
                let tls = Tls::new(Some(&certificate));
                let shown = tls.clone();
                self.aside.spawn(|stop| files.keep_current(shown, certificate, clock, stop));
                (tls, None)
            }
            Source::Acme(authority) => {
                let challenges = Challenges::new(setup.database.clone(), &authority.domains);
                let tls = self.get_certificate(authority, setup, answers_http).await.answering(challenges.clone());
                (tls, Some(challenges))
            }
        };
        if let Some((callers, files)) = callers {
            let authorities: Vec<&str> = callers.authorities().iter().map(|one| one.name.as_str()).collect();
            tracing::info!(
                ?authorities,
                name = callers.name(),
                "the webhook takes calls with a client certificate alone"
            );
            tls.ask(callers);
            let asking = tls.clone();
            self.aside.spawn(|stop| files.keep_current(asking, stop));
        }
        if let Some(listener) = redirect {
            let (router, admission) = (to_https(&shared.public_url, challenges), setup.admission.clone());
            self.http.spawn(|stop| web::serve::serve(listener, router, admission, stop));
        }
        Listening { listener, tls: Some(tls) }
    }

    /// Shows the certificate that is there, has one got if there is none, and each renewed in time. Nobody waits for it.
    pub(super) async fn get_certificate(&mut self, authority: Authority, setup: &Setup, answers_http: bool) -> Tls {
        let shown = Shown::find(&setup.database, &setup.keyring, &setup.clock, &authority).await;
        let (domains, directory) = (&authority.domains, authority.wanted.directory());
        match shown.certificate() {
            Some(certificate) => tracing::info!(?domains, until = %certificate.not_after(), "HTTPS"),
            None => tracing::info!(
                ?domains,
                directory,
                "HTTPS waits for its first certificate: until it is there, only the authority's questions are answered"
            ),
        }
        let tls = Tls::new(shown.certificate());
        let replaced = tls.clone();
        self.aside.spawn(|stop| shown.keep_current(replaced, stop));
        let getting = worker::certificate::Settings {
            clock: setup.clock.clone(),
            keyring: setup.keyring.clone(),
            wanted: authority.wanted,
            email: authority.email,
            binding: authority.binding,
            roots: authority.roots,
            answers_http,
        };
        let database = setup.database.clone();
        self.aside.spawn(|stop| worker::certificate::run(database, getting, stop));
        tls
    }
}
