//! Meta's business phone numbers, and who has which.

mod author_line;
mod claim;
mod former;
mod proof;
mod route;
mod token;
mod webhooks;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

pub use author_line::{AuthorLine, set_author_line};
pub use claim::{Refusal, any_organization_claimed_of, any_organization_is_claimed, connect, disconnect, hand_over};
pub use former::{former, give_id};
pub use proof::{Basis, Opens, Proof};
pub use route::{
    Route, any_organization_holders, any_organization_in_accounts, any_organization_known,
    any_organization_note_other_account, any_organization_route,
};
pub use token::{carried_by, keep, replace_token};
pub use webhooks::{led, noted, waits};

use crate::act::Act;
use crate::audit::Deed;
use crate::database::{Operator, Pipeline, Result, Tenant, Tx, params};
use crate::event::{self, Kind, New};
use crate::scope::Scope;
use crate::trouble::Trouble;
use crate::{number_check, outbox};

/// A business phone number as its organization sees it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Number {
    /// UUIDv7.
    pub id: Uuid,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Meta's id of its WhatsApp Business Account.
    pub waba_id: String,
    /// `connected`, `disconnected`, or `connecting`: it is yours, and Meta was not told yet to send its webhooks here.
    pub status: String,
    /// Digits, as Meta's webhooks show it.
    pub display_phone_number: Option<String>,
    /// The name Meta approved.
    pub verified_name: Option<String>,
    /// The business's username.
    pub username: Option<String>,
    /// The last quality event Meta named.
    pub quality_event: Option<String>,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`, when Meta was last asked.
    pub quality_rating: Option<String>,
    /// The portfolio's messaging limit, such as `TIER_2K`.
    pub messaging_limit: Option<String>,
    /// `STANDARD` or `HIGH`.
    pub throughput: Option<String>,
    /// `CLOUD_API` once it is registered.
    pub platform_type: Option<String>,
    /// Whether the WhatsApp Business app on a phone shares it; null: Meta was not asked.
    pub is_on_biz_app: Option<bool>,
    /// Where Meta sends its webhooks: `phone_number` and `whatsapp_business_account` are callbacks of the number's and the
    /// account's own, the first that is there counts, else `application`, the App's; null: Meta was not asked.
    #[schema(value_type = Option<Object>)]
    pub webhooks: Option<Json<Box<RawValue>>>,
    /// How Meta decided on the last name asked for.
    pub name_status: Option<String>,
    /// Meta's phone number settings, as last announced.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Json<Box<RawValue>>>,
    /// How far the import of the phone's history has come.
    #[schema(value_type = Option<Object>)]
    pub history: Option<Json<Box<RawValue>>>,
    /// Meta's own word for its state, such as `CONNECTED`.
    pub meta_status: Option<String>,
    /// Meta's `health_status`: whether messages can be sent, and what is in the way.
    #[schema(value_type = Option<Object>)]
    pub health: Option<Json<Box<RawValue>>>,
    /// When Meta last showed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_at: Option<Timestamp>,
    /// What to do something about: `code`, `message`, `at`, `advice` (`en`, `es`); null: nothing.
    #[schema(value_type = Option<Object>)]
    pub problem: Option<Trouble>,
    /// Why nothing is sent from it now, and until when; null: it sends.
    pub send_paused: Option<SendPaused>,
    /// Why bulk messages of it wait, while others are sent; null: they are sent.
    pub bulk_paused: Option<SendPaused>,
    /// What stands before a message that somebody writes on a page: `name`, `first_name` or `none`.
    pub author_line: AuthorLine,
    /// When its token ends; null: never, or not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub token_expires_at: Option<Timestamp>,
    /// When Meta last said that its token is good; null: it was not asked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub token_checked_at: Option<Timestamp>,
    /// Since when it is connected.
    #[schema(value_type = String, format = DateTime)]
    pub connected_at: Timestamp,
    /// Since when it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disconnected_at: Option<Timestamp>,
}

impl Number {
    /// Its phone number as people write it; while that is not known, Meta's id.
    pub fn phone(&self) -> String {
        self.display_phone_number.as_ref().map_or_else(|| self.phone_number_id.clone(), |digits| format!("+{digits}"))
    }

    /// What people call it: the name that Meta approved, else its phone number.
    pub fn name(&self) -> String {
        self.verified_name.clone().unwrap_or_else(|| self.phone())
    }
}

/// A pause in sending.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SendPaused {
    /// It goes on by itself then; null: when it is mended, which a look at the number, one message that is tried, another
    /// token, or `POST /numbers/{id}/resume` finds.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// One message is tried then, although it rests; left out: none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try_at: Option<Timestamp>,
    /// What Meta said, and what to do: `code`, `message`, `advice` (`en`, `es`).
    #[schema(value_type = Option<Object>)]
    pub reason: Option<Trouble>,
}

impl SendPaused {
    fn read(row: &Row) -> Result<Option<Self>> {
        if row.get::<_, Option<bool>>("paused") != Some(true) {
            return Ok(None);
        }
        let reason = Trouble::read(row, "pause_reason", "number_pace.pause_reason")?;
        Ok(Some(Self { until: row.get("pause_until"), next_try_at: row.get("probe_at"), reason }))
    }

    fn read_bulk(row: &Row) -> Result<Option<Self>> {
        if row.get::<_, Option<bool>>("bulk_paused") != Some(true) {
            return Ok(None);
        }
        let reason = Trouble::read(row, "bulk_pause_reason", "number_pace.bulk_pause_reason")?;
        Ok(Some(Self { until: None, next_try_at: None, reason }))
    }
}

/// What is done to a number beside attempts to connect it.
#[derive(Clone, Copy, Debug)]
pub enum NumberDeed {
    /// It was connected without asking Meta.
    Believed,
    /// Sending goes on.
    Resumed,
    /// Its own callback at Meta was taken away.
    CallbackCleared,
    /// Another organization has it now.
    HandedOver,
    /// It was another organization's.
    TakenOver,
}

impl Number {
    /// That something was done to it, as the audit tells it.
    pub fn deed(&self, done: NumberDeed) -> Deed {
        let named = self.phone_number_id.as_str();
        match done {
            NumberDeed::Believed => Deed::new(Act::ManageNumbers, "connect", self.id, named),
            NumberDeed::Resumed => Deed::new(Act::ManageNumbers, "resume", self.id, named),
            NumberDeed::CallbackCleared => Deed::new(Act::ManageNumbers, "clear_callback", self.id, named),
            NumberDeed::HandedOver => Deed::new(Act::ManageNumbers, "hand_over", self.id, named),
            NumberDeed::TakenOver => Deed::new(Act::ManageNumbers, "take_over", self.id, named),
        }
    }

    /// Whether it is the organization's now, with or without webhooks.
    pub fn is_connected(&self) -> bool {
        self.status != "disconnected"
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            send_paused: SendPaused::read(row)?,
            bulk_paused: SendPaused::read_bulk(row)?,
            id: row.get("id"),
            phone_number_id: row.get("phone_number_id"),
            waba_id: row.get("waba_id"),
            status: row.get("status"),
            display_phone_number: row.get("display_phone_number"),
            verified_name: row.get("verified_name"),
            username: row.get("username"),
            quality_event: row.get("quality_event"),
            quality_rating: row.get("quality_rating"),
            messaging_limit: row.get("messaging_limit"),
            throughput: row.get("throughput"),
            platform_type: row.get("platform_type"),
            is_on_biz_app: row.get("is_on_biz_app"),
            webhooks: row.get("webhooks"),
            name_status: row.get("name_status"),
            settings: row.get("settings"),
            history: row.get("history"),
            author_line: AuthorLine::read(row)?,
            token_expires_at: row.get("token_expires_at"),
            token_checked_at: row.get("token_checked_at"),
            meta_status: row.get("meta_status"),
            health: row.get("health"),
            checked_at: row.get("checked_at"),
            problem: Trouble::read(row, "problem", "number.problem")?,
            connected_at: row.get("connected_at"),
            disconnected_at: row.get("disconnected_at"),
        })
    }
}

/// A number with its owner, as operators see it.
#[derive(Clone, Debug, Serialize)]
pub struct Owned {
    /// The owner's slug.
    pub organization: String,
    /// The App its webhooks come through; null: the default App.
    pub app_id: Option<String>,
    /// The number.
    #[serde(flatten)]
    pub number: Number,
}

/// The columns that [`Number::read`] reads, of `wazapp.number` as `n` and `wazapp.number_pace` as `p`, named because the
/// web role may read all but the token. `$2` is the time.
macro_rules! number_columns {
    () => {
        "n.id, n.phone_number_id, n.waba_id, n.webhooks,
         CASE WHEN n.status = 'connected' AND NOT n.hears THEN 'connecting' ELSE n.status END AS status, n.display_phone_number, n.verified_name, n.username,
         n.quality_event, n.quality_rating, n.messaging_limit, n.throughput, n.platform_type, n.is_on_biz_app,
         n.name_status, n.settings, n.history, n.author_line, n.token_expires_at, n.token_checked_at,
          n.meta_status, n.health, n.checked_at, n.connected_at, n.disconnected_at,
         coalesce(n.problem, CASE WHEN p.bulk_paused_until > $2 THEN p.bulk_pause_reason END) AS problem,
         p.paused_until > $2 AS paused, p.pause_reason, CASE WHEN p.paused_until = 'infinity' THEN p.probe_at END AS probe_at,
         p.bulk_paused_until > $2 AS bulk_paused, p.bulk_pause_reason,
         CASE WHEN isfinite(p.paused_until) THEN p.paused_until END AS pause_until"
    };
}

/// All numbers of this server, or of one organization.
pub async fn any_organization_list(tx: &Operator, scope: Option<&Scope>, now: Timestamp) -> Result<Vec<Owned>> {
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                number_columns!(),
                ", n.app_id, o.slug FROM wazapp.number n JOIN wazapp.organization o ON o.id = n.organization_id
                 LEFT JOIN wazapp.number_pace p ON p.organization_id = n.organization_id AND p.number_id = n.id
                 WHERE $1::uuid IS NULL OR n.organization_id = $1 ORDER BY o.slug, n.id"
            ),
            &[&scope.map(Scope::organization_id), &now],
        )
        .await?;
    let read =
        |row: &Row| Ok(Owned { organization: row.get("slug"), app_id: row.get("app_id"), number: Number::read(row)? });
    rows.iter().map(read).collect()
}

/// An organization's numbers, oldest first.
pub async fn list(tx: &Tenant, now: Timestamp) -> Result<Vec<Number>> {
    let rows = tx
        .query(
            concat!(
                "SELECT ",
                number_columns!(),
                " FROM wazapp.number n
                 LEFT JOIN wazapp.number_pace p ON p.organization_id = n.organization_id AND p.number_id = n.id
                 WHERE n.organization_id = $1 ORDER BY n.id"
            ),
            &[&tx.organization_id(), &now],
        )
        .await?;
    rows.iter().map(Number::read).collect()
}

/// One number, with the App that it is connected through; `None` there: the default App.
pub async fn get(tx: &Tenant, id: Uuid, now: Timestamp) -> Result<Option<(Number, Option<String>)>> {
    let row = one(tx, tx.organization_id(), id, now).await?;
    row.as_ref().map(|row| Ok((Number::read(row)?, row.get("app_id")))).transpose()
}

/// Meta's id of the account of the number that a message goes from. `None`: there is no such conversation or number.
pub async fn account_of(tx: &Tenant, to: &outbox::To) -> Result<Option<String>> {
    let (conversation_id, number_id): (Option<Uuid>, Option<Uuid>) = match to {
        outbox::To::Conversation(id) => (Some(*id), None),
        outbox::To::Recipient { number_id, .. } => (None, Some(*number_id)),
    };
    let row = tx
        .query_opt(
            "SELECT n.waba_id FROM wazapp.number n
             WHERE n.organization_id = $1 AND n.id = coalesce($2::uuid, (
               SELECT v.number_id FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.id = $3::uuid))",
            &[&tx.organization_id(), &number_id, &conversation_id],
        )
        .await?;
    Ok(row.map(|row| row.get("waba_id")))
}

/// One number as its organization sees it now, for whoever tells of it.
pub async fn find(tx: &Operator, scope: &Scope, id: Uuid, now: Timestamp) -> Result<Option<Number>> {
    let row = one(tx, scope.organization_id(), id, now).await?;
    row.as_ref().map(Number::read).transpose()
}

/// Lets a connected number go on that rests, with the token that it has, and has it looked at. Answers the number; `None`:
/// it is not connected.
pub async fn resume(tx: &Operator, scope: &Scope, id: Uuid, now: Timestamp) -> Result<Option<Number>> {
    let line = event::line_of(tx, scope).await?;
    let connected = tx
        .query_opt(
            "UPDATE wazapp.number SET check_at = 'epoch', updated_at = $4,
               problem = CASE WHEN problem ->> 'code' = ANY ($3) THEN NULL ELSE problem END
             WHERE organization_id = $1 AND id = $2 AND status = 'connected' RETURNING id",
            &[&scope.organization_id(), &id, &number_check::OF_RESTS.to_vec(), &now],
        )
        .await?;
    if connected.is_none() {
        return Ok(None);
    }
    let rested = outbox::resume(tx, scope, id).await?;
    let number = find(tx, scope, id, now).await?;
    if let Some(number) = number.as_ref().filter(|_| rested) {
        line.record(New::of(Kind::NumberUpdated, now, Some(id), number)).await?;
    }
    Ok(number)
}

async fn one(tx: &Tx, organization_id: Uuid, id: Uuid, now: Timestamp) -> Result<Option<Row>> {
    tx.query_opt(
        concat!(
            "SELECT ",
            number_columns!(),
            ", n.app_id FROM wazapp.number n
             LEFT JOIN wazapp.number_pace p ON p.organization_id = n.organization_id AND p.number_id = n.id
             WHERE n.organization_id = $1 AND n.id = $3"
        ),
        &[&organization_id, &now, &id],
    )
    .await
}

/// Facts Meta announced about a number; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The owner.
    pub organization_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// Meta's time of the announcement: an older one changes nothing.
    pub at: Timestamp,
    /// Digits.
    pub display_phone_number: Option<String>,
    /// The approved name.
    pub verified_name: Option<String>,
    /// The business's username.
    pub username: Option<String>,
    /// Meta's quality event.
    pub quality_event: Option<String>,
    /// Such as `TIER_2K`.
    pub messaging_limit: Option<String>,
    /// `STANDARD` or `HIGH`.
    pub throughput: Option<String>,
    /// Meta's decision.
    pub name_status: Option<String>,
    /// JSON.
    pub settings: Option<String>,
}

/// What a fact becomes. Each has a time of its own, and of one second the greater word counts, so that no order of
/// announcements ends otherwise than another.
macro_rules! fact {
    ($column:literal, $param:literal, $kind:literal) => {
        concat!(
            $column,
            " = CASE WHEN ",
            $param,
            "::text IS NOT NULL AND ($3, ",
            $param,
            "::text) >= (coalesce((fact_times ->> '",
            $column,
            "')::timestamptz, facts_at, '-infinity'), coalesce(",
            $column,
            "::text, '')) THEN ",
            $param,
            $kind,
            " ELSE ",
            $column,
            " END, "
        )
    };
}

/// Writes what Meta announced.
pub fn any_organization_learn<'a>(pipeline: &mut Pipeline<'a>, facts: &'a Facts) {
    pipeline.push(
        concat!(
            "UPDATE wazapp.number SET ",
            fact!("display_phone_number", "$4", "::text"),
            fact!("verified_name", "$5", "::text"),
            fact!("username", "$6", "::text"),
            fact!("quality_event", "$7", "::text"),
            fact!("messaging_limit", "$8", "::text"),
            fact!("throughput", "$9", "::text"),
            fact!("name_status", "$10", "::text"),
            fact!("settings", "$11", "::text::json"),
            "fact_times = fact_times || coalesce((
               SELECT jsonb_object_agg(f.name, greatest((fact_times ->> f.name)::timestamptz, $3))
               FROM (VALUES ('display_phone_number', $4), ('verified_name', $5), ('username', $6), ('quality_event', $7),
                            ('messaging_limit', $8), ('throughput', $9), ('name_status', $10), ('settings', $11))
                 AS f (name, value)
               WHERE f.value IS NOT NULL), '{}'), updated_at = $12
             WHERE organization_id = $1 AND id = $2"
        ),
        params![
            facts.organization_id,
            facts.number_id,
            facts.at,
            facts.display_phone_number.as_deref(),
            facts.verified_name.as_deref(),
            facts.username.as_deref(),
            facts.quality_event.as_deref(),
            facts.messaging_limit.as_deref(),
            facts.throughput.as_deref(),
            facts.name_status.as_deref(),
            facts.settings.as_deref(),
            pipeline.now(),
        ],
    );
}

/// Writes how far the import of a number's past has come. The furthest step shows: steps come in any order. After a day
/// without any, another import has begun.
pub fn any_organization_import<'a>(pipeline: &mut Pipeline<'a>, import: &'a Import) {
    pipeline.push(
        "UPDATE wazapp.number SET history = $4::text::json, updated_at = $5,
           fact_times = fact_times || jsonb_build_object('history', greatest((fact_times ->> 'history')::timestamptz, $3::timestamptz))
         WHERE organization_id = $1 AND id = $2
           AND (history IS NULL OR (fact_times ->> 'history')::timestamptz < $3::timestamptz - interval '1 day'
                OR (coalesce((history ->> 'progress')::int, -1), coalesce((history ->> 'phase')::int, -1),
                    coalesce((history ->> 'chunk_order')::int, -1), history::text)
                   <= (coalesce(($4::text::json ->> 'progress')::int, -1), coalesce(($4::text::json ->> 'phase')::int, -1),
                       coalesce(($4::text::json ->> 'chunk_order')::int, -1), $4::text))",
        params![import.organization_id, import.number_id, import.at, import.step.as_str(), pipeline.now()],
    );
}

/// A step of the import of a number's past.
#[derive(Clone, Debug)]
pub struct Import {
    /// The owner.
    pub organization_id: Uuid,
    /// The number.
    pub number_id: Uuid,
    /// Meta's time, or ours.
    pub at: Timestamp,
    /// JSON.
    pub step: String,
}
