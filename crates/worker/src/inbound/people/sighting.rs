//! What a batch says of people: under which names somebody was seen, and when.

use jiff::Timestamp;
use model::contact::{Identity, Kind, Link, Move, Name};
use uuid::Uuid;
use whatsapp::phone;
use whatsapp::webhook::{ContactSync, Effect, Item, Message, Party};

use super::super::fold::time;
use super::super::route::{Batch, Routed};

/// Someone who is named by no identity at all still has a thread to stand in.
const NOBODY: &str = "unknown";

/// Somebody named by one event.
#[derive(Debug)]
pub(super) struct Sighting<'a> {
    pub(super) organization_id: Uuid,
    /// The account it was in: user ids are of one portfolio.
    pub(super) realm: &'a str,
    /// Meta's second.
    pub(super) at: i64,
    pub(super) party: &'a Party,
    pub(super) role: Role,
}

/// What somebody has to do with an event that names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// They wrote it, or it is about them: they are a contact.
    Writer,
    /// It says by what names they go from then on.
    Renamed,
    /// It names them in passing.
    Bystander,
}

impl Sighting<'_> {
    /// Whether the names are those of a contact, as Meta writes them.
    pub(super) fn makes_contact(&self) -> bool {
        self.role != Role::Bystander
    }
}

/// News that someone goes by other names from then on.
#[derive(Debug)]
pub(super) struct News {
    pub(super) organization_id: Uuid,
    pub(super) moves: Vec<Move>,
    pub(super) links: Vec<(Link, i64)>,
}

/// The names that an event gives somebody, as Meta wrote them, the strongest first.
pub(super) fn identities(organization_id: Uuid, party: &Party) -> Vec<Identity> {
    let named = |kind, value: &Option<String>| value.clone().map(|value| Identity { organization_id, kind, value });
    let strong: Vec<Identity> = [
        named(Kind::UserId, &party.user_id),
        named(Kind::ParentUserId, &party.parent_user_id),
        named(Kind::WaId, &party.wa_id),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !strong.is_empty() {
        return strong;
    }
    // A username may pass to another person, so it counts only where there is nothing else.
    let weak = named(Kind::Username, &party.username);
    vec![weak.unwrap_or_else(|| Identity { organization_id, kind: Kind::UserId, value: NOBODY.into() })]
}

/// Whether this stands for nobody in particular.
pub(super) fn is_nobody(name: &Name) -> bool {
    name.kind == Kind::UserId && name.value == NOBODY
}

/// The name by which an identity is compared.
pub(super) fn name(identity: &Identity) -> Name {
    let value = match identity.kind {
        Kind::WaId => phone::canonical(&identity.value),
        _ => identity.value.clone(),
    };
    Name { kind: identity.kind, value }
}

/// Whether WhatsApp writes a name in more than one way.
pub(super) fn has_spellings(name: &Name) -> bool {
    name.kind == Kind::WaId && !phone::equivalents(&name.value).is_empty()
}

/// All spellings of a name.
pub(super) fn spellings(organization_id: Uuid, name: &Name) -> Vec<Identity> {
    let others = if name.kind == Kind::WaId { phone::equivalents(&name.value) } else { Vec::new() };
    let kind = name.kind;
    std::iter::once(name.value.clone()).chain(others).map(|value| Identity { organization_id, kind, value }).collect()
}

/// What an event that names somebody by several names says of them.
pub(super) fn links(party: &Party, realm: &str) -> Vec<Link> {
    let name = |kind, value: &Option<String>| {
        value.clone().map(|value| name(&Identity { organization_id: Uuid::nil(), kind, value }))
    };
    let phone = name(Kind::WaId, &party.wa_id);
    let user = name(Kind::UserId, &party.user_id);
    let parent = name(Kind::ParentUserId, &party.parent_user_id);
    let username = name(Kind::Username, &party.username);
    let strongest = user.clone().or(parent.clone()).or(phone.clone());
    let link = |name: Option<Name>, holder: Option<Name>, realm: &str| {
        Some(Link { name: name?, holder: holder?, realm: realm.to_owned() })
    };
    let above = if user.is_some() { None } else { parent.clone() };
    [
        link(phone.clone(), user.clone(), realm),
        link(user, parent, ""),
        link(phone, above, realm),
        link(username, strongest, ""),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Who a message's conversation is with. Someone who changed their number is still the one they were.
pub(in super::super) fn placed(message: &Message) -> &Party {
    match &message.effect {
        Effect::Identity { previous, .. } if !previous.is_empty() => previous,
        Effect::Identity { current, .. } => current,
        _ => &message.party,
    }
}

/// Meta's time of a message.
pub(in super::super) fn at(routed: &Routed, message: &Message) -> Timestamp {
    time(message.timestamp, &routed.change, routed.received_at)
}

/// Everyone a batch names, and the news of new names.
pub(super) fn all(batch: &Batch) -> (Vec<Sighting<'_>>, Vec<News>) {
    let (mut sightings, mut news) = (Vec::new(), Vec::new());
    for routed in &batch.changes {
        for item in &routed.change.items {
            of_item(routed, item, &mut sightings, &mut news);
        }
    }
    (sightings, news)
}

fn of_item<'a>(routed: &'a Routed, item: &'a Item, sightings: &mut Vec<Sighting<'a>>, news: &mut Vec<News>) {
    let mut see = |party: &'a Party, timestamp: Option<i64>, role: Role| {
        sightings.push(Sighting {
            organization_id: routed.route.organization_id,
            realm: &routed.route.waba_id,
            at: time(timestamp, &routed.change, routed.received_at).as_second(),
            party,
            role,
        });
    };
    match item {
        Item::Message(message) => {
            if let Effect::Identity { previous, current } = &message.effect {
                for party in [previous, current].into_iter().filter(|party| !party.is_empty()) {
                    let role = if std::ptr::eq(party, placed(message)) { Role::Writer } else { Role::Renamed };
                    see(party, message.timestamp, role);
                }
                news.push(moved(routed, message, previous, current));
            } else if message.group_id.is_none() || !message.party.is_empty() {
                see(&message.party, message.timestamp, Role::Writer);
            }
        }
        Item::ContactSync(ContactSync { party, timestamp, .. }) if !party.is_empty() => {
            see(party, *timestamp, Role::Writer)
        }
        Item::Status(status) if !status.recipient.is_empty() => {
            see(&status.recipient, status.timestamp, Role::Bystander)
        }
        Item::Notice(notice) => {
            if let Some(party) = notice.party.as_ref().filter(|party| !party.is_empty()) {
                see(party, notice.timestamp, Role::Bystander);
            }
        }
        _ => {}
    }
}

/// Each name that has a successor of its kind is left for it. Where no kind has one, the two are seen together.
fn moved(routed: &Routed, message: &Message, previous: &Party, current: &Party) -> News {
    let organization_id = routed.route.organization_id;
    let second = at(routed, message).as_second();
    let (from, to) = (identities(organization_id, previous), identities(organization_id, current));
    let mut news = News { organization_id, moves: Vec::new(), links: Vec::new() };
    if previous.is_empty() || current.is_empty() {
        return news;
    }
    for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (name(from), name(to)))) {
        if from.kind == to.kind && from != to {
            news.moves.push(Move { from, to, at: second });
        }
    }
    if news.moves.is_empty() {
        let both = Party {
            wa_id: previous.wa_id.clone().or_else(|| current.wa_id.clone()),
            user_id: current.user_id.clone().or_else(|| previous.user_id.clone()),
            parent_user_id: current.parent_user_id.clone().or_else(|| previous.parent_user_id.clone()),
            ..Party::default()
        };
        news.links = links(&both, &routed.route.waba_id).into_iter().map(|link| (link, second)).collect();
    }
    news
}
