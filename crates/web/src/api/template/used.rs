//! A template that a message uses, looked at before the message is queued.

use jiff::{SignedDuration, Timestamp};
use model::database::Tenant;
use model::outbox::{Content, To};
use model::template::known::{self, Known};
use whatsapp::outgoing::{self, TemplateUse};

use crate::api::language::Language;
use crate::api::send::mistakes;
use crate::problem::{Mistake, Problem};
use crate::sending;

/// What was heard of Meta within this time is taken for true; of what is older, Meta decides.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// As many other templates are named.
const NAMED: usize = 5;

/// A template in a message that is about to be queued.
pub(in crate::api) struct Used<'a> {
    /// What the message says of it.
    pub(in crate::api) wanted: &'a TemplateUse,
    /// The message.
    pub(in crate::api) content: &'a mut Content,
    /// Stands before the names of its fields.
    pub(in crate::api) prefix: &'static str,
}

impl Used<'_> {
    /// Checks what is given against what the template asks for, and writes the words of the message. What is not known of
    /// the template is left to Meta.
    pub(in crate::api) async fn fill(
        self,
        tx: &Tenant,
        to: &To,
        now: Timestamp,
        due_at: Timestamp,
        language: Language,
    ) -> Result<(), Problem> {
        let Self { wanted, content, prefix } = self;
        let Some(known) = known::find(tx, to, &wanted.name, &wanted.language).await? else {
            return Ok(());
        };
        // By the time at which it leaves, it may have been approved.
        if due_at <= now + FRESH
            && let Some(refusal) = refusal(tx, now, &known, wanted, prefix, language).await?
        {
            return Err(refusal);
        }
        sending::fill(content, &known, wanted).map_err(|all| mistakes(all, prefix, language))
    }
}

/// Why it can't be sent, where that was heard of lately.
async fn refusal(
    tx: &Tenant,
    now: Timestamp,
    known: &Known,
    wanted: &TemplateUse,
    prefix: &str,
    language: Language,
) -> Result<Option<Problem>, Problem> {
    let fresh = |at: Timestamp| now.duration_since(at) <= FRESH;
    let synced = known.synced_at.is_some_and(fresh);
    let there = known.template.as_ref().filter(|template| template.status.as_deref() != Some("DELETED"));
    let (field, why) = match there {
        Some(template) if synced || fresh(template.facts_at) => {
            let Some(why) = outgoing::why_not_sent(template.status.as_deref()) else { return Ok(None) };
            // Meta said nothing of it yet, so it decides.
            let Some(status) = template.status.as_deref() else { return Ok(None) };
            let why = language.of(
                format!("of the status `{status}` cannot be sent. {}", why.en),
                format!("de estado `{status}` no se puede enviar. {}", why.es),
            );
            ("template.name", why)
        }
        None if synced => missing(&known::others(tx, &known.waba_id, &wanted.name).await?, wanted, language),
        _ => return Ok(None),
    };
    let field = format!("{prefix}{field}");
    let text = format!("`{field}` {why}");
    Ok(Some(Problem::mistakes(vec![Mistake { field, rule: "not_sendable", text }])))
}

/// The field that names what is not there, and what there is instead.
fn missing(others: &[model::outbox::Template], wanted: &TemplateUse, language: Language) -> (&'static str, String) {
    let listed = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let languages: Vec<&str> =
        others.iter().filter(|one| one.name == wanted.name).map(|one| one.language.as_str()).collect();
    if !languages.is_empty() {
        let there = listed(&languages);
        return (
            "template.language.code",
            language.of(
                format!("is a language that this template is not approved in; it is in {there}."),
                format!("es un idioma en que esta plantilla no está aprobada; lo está en {there}."),
            ),
        );
    }
    let mut names: Vec<&str> = others.iter().map(|one| one.name.as_str()).collect();
    names.dedup();
    let near = outgoing::nearest(&wanted.name, names.iter().copied());
    names.truncate(NAMED);
    let why = match (near, names.is_empty()) {
        (Some(near), _) => language.of(
            format!("is of no template of this number's account. Did you mean `{near}`?"),
            format!("no es de ninguna plantilla de la cuenta de este número. ¿Querías decir `{near}`?"),
        ),
        (None, false) => language.of(
            format!("is of no template of this number's account. Approved are {}.", listed(&names)),
            format!("no es de ninguna plantilla de la cuenta de este número. Aprobadas están {}.", listed(&names)),
        ),
        (None, true) => language.of(
            "is of no template of this number's account, which has no approved one. Create it with `POST /templates`."
                .to_owned(),
            "no es de ninguna plantilla de la cuenta de este número, que no tiene ninguna aprobada. Créala con \
             `POST /templates`."
                .to_owned(),
        ),
    };
    ("template.name", why)
}
