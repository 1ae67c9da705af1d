//! Sends mail to people: what was noted with what it tells, until the mail server took it or refuses it for good.
//!
//! A mail that was handed over without a whole answer is sent again: it may arrive twice, under the same name
//! (`Message-ID`), and both links work.

mod smtp;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use metrics::{counter, gauge};
use model::database::Result;
use model::mail::{self, Claimed, Letter, Outcome, Written};
use model::outbox::Wake;
use model::trouble::Trouble;
use model::{Clock, Database};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::rounds::{self, Every, Job, job};

pub use smtp::{Failing, NoSender, NoSmtp, Sender, Smtp};

/// Mails on their way at once.
const AT_ONCE: usize = 4;

/// What other nodes and commands noted is found by looking.
const POLL: Duration = Duration::from_secs(1);

/// How often it is counted what waits.
const COUNT: Duration = Duration::from_secs(20);

/// How often it is looked whether an endpoint is not called any more.
const LOOK: Duration = Duration::from_secs(5);

/// Puts a letter into words.
pub type Write = Arc<dyn Fn(Timestamp, &Letter) -> Written + Send + Sync>;

/// The mail server, and whom mail is from.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where mail goes.
    pub smtp: Smtp,
    /// Whom it is from.
    pub sender: Sender,
}

/// What sending mail takes.
#[derive(Clone)]
pub struct Settings {
    /// What time it is.
    pub clock: Clock,
    /// Where mail goes, and whom it is from.
    pub post: Post,
    /// Puts it into words.
    pub write: Write,
    /// Rung when some was noted.
    pub wake: Arc<Wake>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({})", self.post.smtp)
    }
}

/// Sends until the token is cancelled. Mail on its way is heard out.
pub async fn run(database: Database, settings: Settings, stop: CancellationToken) {
    let (clock, wake) = (settings.clock.clone(), settings.wake.clone());
    let looking = look_at_endpoints(&database, &clock, &wake, &stop);
    let counting = count(&database, &clock, &stop);
    let sending = async {
        let mut mails = Mails { database: database.clone(), settings };
        rounds::finish(rounds::run(&mut mails, database.activity(), &stop).await).await;
    };
    tokio::join!(sending, counting, looking);
}

/// Has those written to whose programs are not told any more.
async fn look_at_endpoints(database: &Database, clock: &Clock, wake: &Wake, stop: &CancellationToken) {
    let rounds = Every::new(LOOK);
    while rounds.next(stop).await {
        let noted = async {
            let tx = database.operator().await?;
            let any = mail::any_organization_tell_of_endpoints(&tx, clock.now()).await?;
            tx.commit_in_job().await.map(|()| any)
        };
        match noted.await {
            Ok(true) => wake.queued(),
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(%error, "whether endpoints are lost could not be looked at: it is looked again")
            }
        }
    }
}

struct Mails {
    database: Database,
    settings: Settings,
}

/// Whether a mail found the mail server in order.
struct Tried {
    server_failed: bool,
}

impl Job for Mails {
    type Done = Tried;
    const WAITS: &'static str = "mail waits";

    async fn look(&mut self, begun: &mut JoinSet<Self::Done>) -> Result<Duration> {
        let room = i64::try_from(AT_ONCE.saturating_sub(begun.len())).unwrap_or(0);
        if room == 0 {
            return Ok(POLL);
        }
        let tx = self.database.operator().await?;
        let claimed = mail::any_organization_claim(&tx, self.settings.clock.now(), room).await?;
        tx.commit_in_job().await?;
        for one in claimed {
            let (database, settings) = (self.database.clone(), self.settings.clone());
            begun.spawn(async move { try_one(&database, &settings, &one).await }.instrument(job("mail")));
        }
        Ok(POLL)
    }

    async fn wake(&self) {
        self.settings.wake.wait().await;
    }

    fn ended_badly(tried: &Tried) -> bool {
        tried.server_failed
    }
}

/// One try: a link of its own, the dialog, and what came of it.
async fn try_one(database: &Database, settings: &Settings, one: &Claimed) -> Tried {
    let letter = match letter(database, settings.clock.now(), one).await {
        Ok(letter) => letter,
        Err(error) => {
            tracing::debug!(%error, "a mail could not be made: it is tried again");
            return Tried { server_failed: false };
        }
    };
    let sent = match letter {
        Some(letter) => Some(send(settings, one, &letter).await),
        None => None,
    };
    let server_failed = matches!(&sent, Some(Err(failing)) if failing.is_the_servers());
    if let Err(error) = settle(database, settings.clock.now(), one, sent).await {
        tracing::debug!(%error, "what came of a mail could not be written down: it is sent again");
    }
    Tried { server_failed }
}

async fn letter(database: &Database, now: Timestamp, one: &Claimed) -> Result<Option<Letter>> {
    let tx = database.operator().await?;
    let letter = mail::letter(&tx, now, one).await?;
    tx.commit_in_job().await?;
    Ok(letter)
}

/// Hands it to the mail server.
async fn send(settings: &Settings, one: &Claimed, letter: &Letter) -> Result<(), Failing> {
    let now = settings.clock.now();
    let recipient: Address = one.recipient.as_str().parse().map_err(|error: lettre::address::AddressError| {
        Failing::Refused(format!("that is no address that mail goes to ({error})"))
    })?;
    let written = (settings.write)(now, letter);
    let message = compose(&settings.post.sender, one, &recipient, &written, now)
        .map_err(|error| Failing::Refused(format!("it cannot be written as mail ({error})")))?;
    settings.post.smtp.send(&settings.post.sender.0.email, &recipient, &message.formatted()).await
}

/// The mail as it goes out. Its name is the same at each try.
fn compose(
    Sender(from): &Sender,
    one: &Claimed,
    recipient: &Address,
    written: &Written,
    now: Timestamp,
) -> Result<Message, lettre::error::Error> {
    let says_so = |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.into());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, recipient.clone()))
        .subject(&written.subject)
        .date(SystemTime::from(now))
        .message_id(Some(format!("<{}@{}>", one.id, from.email.domain())))
        // Nobody's absence is answered to a program: RFC 3834.
        .raw_header(says_so("Auto-Submitted", "auto-generated"))
        .multipart(MultiPart::alternative_plain_html(written.text.clone(), written.html.clone()))
}

/// `None`: it had nothing to say any more.
async fn settle(database: &Database, now: Timestamp, one: &Claimed, sent: Option<Result<(), Failing>>) -> Result<()> {
    let outcome = match &sent {
        None => Outcome::Void,
        Some(Ok(())) => Outcome::Sent,
        Some(Err(Failing::Refused(words))) => Outcome::Refused(Trouble::mail_refused(words)),
        Some(Err(failing)) => Outcome::Again(Trouble::mail_not_sent(&failing.to_string())),
    };
    let tx = database.operator().await?;
    let given_up = mail::any_organization_settle(&tx, now, one, &outcome).await?;
    tx.commit_in_job().await?;
    let word = match outcome {
        Outcome::Void => "void",
        Outcome::Sent => "sent",
        Outcome::Refused(_) => "refused",
        Outcome::Again(_) if given_up => "given_up",
        Outcome::Again(_) => "retry",
    };
    counter!("wazapp_mails_total", "outcome" => word).increment(1);
    match sent {
        Some(Err(failing)) if given_up => {
            tracing::warn!(mail = %one.id, why = failing.in_full(), "a mail was given up");
        }
        Some(Err(failing)) => tracing::warn!(mail = %one.id, why = failing.in_full(), "a mail was not sent yet"),
        _ => tracing::debug!(mail = %one.id, outcome = word, "a mail was looked after"),
    }
    Ok(())
}

async fn count(database: &Database, clock: &Clock, stop: &CancellationToken) {
    let every = Every::new(COUNT);
    while every.next(stop).await {
        match backlog(database, clock.now()).await {
            Ok(backlog) => {
                #[expect(clippy::cast_precision_loss, reason = "a queue is not that long")]
                gauge!("wazapp_mails_waiting").set(backlog.waiting as f64);
            }
            Err(error) => tracing::debug!(%error, "the mail that waits could not be counted"),
        }
    }
}

async fn backlog(database: &Database, now: Timestamp) -> Result<mail::Backlog> {
    let tx = database.operator().await?;
    let backlog = mail::any_organization_backlog(&tx, now).await?;
    tx.close();
    Ok(backlog)
}
