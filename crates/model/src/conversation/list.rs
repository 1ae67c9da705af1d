//! Lists of conversations, whole, narrowed and searched.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Conversation, State, select};
use crate::database::{Database, Param, Result, Tenant};
use crate::page::{Cursor, Page};
use crate::scope::Scope;
use crate::search::{Search, matches};

/// What a list may be narrowed to.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<State>,
    /// Only with unread messages.
    pub unread: bool,
    /// Only on this number.
    pub number_id: Option<Uuid>,
    /// Only of this contact.
    pub contact_id: Option<Uuid>,
    /// Only assigned to this person.
    pub assignee_id: Option<Uuid>,
    /// Only unassigned ones.
    pub unassigned: bool,
    /// Only this team's.
    pub team_id: Option<Uuid>,
    /// Only those that no team looks after.
    pub no_team: bool,
}

/// A page of a list that an index has in its order, with nothing besides: one plan serves every page.
macro_rules! of_an_index {
    ($($own:literal)?) => {
        select!($($own,)? "(v.last_message_at, v.id) < ($2, $3) ORDER BY v.last_message_at DESC, v.id DESC LIMIT $4")
    };
}

impl Filter {
    /// Whether it narrows nothing.
    pub fn is_none(&self) -> bool {
        let ids = [self.number_id, self.contact_id, self.assignee_id, self.team_id];
        self.state.is_none() && !self.unread && !self.unassigned && !self.no_team && ids.iter().all(Option::is_none)
    }

    /// The statement that asks for what it leaves, where an index has just that in its order, with the parameter of its own.
    fn of_an_index<'a>(&'a self, state: Option<&'a &'static str>) -> Option<(&'static str, Option<&'a dyn Param>)> {
        let &Self { unread, number_id: None, contact_id: None, unassigned, team_id: None, no_team: false, .. } = self
        else {
            return None;
        };
        let assignee = self.assignee_id.as_ref().map(|id| id as &dyn Param);
        Some(match (self.state, assignee, unassigned, unread) {
            (None, None, false, false) => (of_an_index!(), None),
            (None, None, false, true) => (of_an_index!("v.unread_count > 0 AND "), None),
            (Some(_), None, false, false) => {
                (of_an_index!("v.state = $5 AND "), state.map(|state| state as &dyn Param))
            }
            (Some(State::Active), None, true, false) => {
                (of_an_index!("v.state = 'active' AND v.assignee_id IS NULL AND "), None)
            }
            (Some(State::Active), Some(_), false, false) => {
                (of_an_index!("v.state = 'active' AND v.assignee_id = $5 AND "), assignee)
            }
            _ => return None,
        })
    }

    /// Whether a list so narrowed has this one.
    pub fn shows(&self, one: &Conversation) -> bool {
        self.state.is_none_or(|state| one.state == state)
            && (!self.unread || one.unread_count > 0)
            && self.number_id.is_none_or(|id| one.number_id == id)
            && self.contact_id.is_none_or(|id| one.contact.as_ref().is_some_and(|contact| contact.id == id))
            && self.assignee_id.is_none_or(|id| one.assignee_id == Some(id))
            && (!self.unassigned || one.assignee_id.is_none())
            && self.team_id.is_none_or(|id| one.team_id == Some(id))
            && (!self.no_team || one.team_id.is_none())
    }
}

/// What narrows a list, besides the state of being unread.
macro_rules! narrowed {
    () => {
        "(v.last_message_at, v.id) < ($2, $3)
         AND ($4::text IS NULL OR v.state = $4) AND ($5::uuid IS NULL OR v.number_id = $5)
         AND ($6::uuid IS NULL OR v.contact_id = $6) AND ($7::uuid IS NULL OR v.assignee_id = $7)
         AND (NOT $8 OR v.assignee_id IS NULL) AND ($10::uuid IS NULL OR v.team_id = $10)
         AND (NOT $11 OR v.team_id IS NULL)"
    };
}

/// The parameters of what [`narrowed`] and [`in_order`] say, and those behind them.
macro_rules! narrow {
    ($organization:expr, $filter:expr, $after:expr, $limit:expr $(, $more:expr)*) => {
        [
            &$organization as &dyn Param,
            &begin($after).timestamp(),
            &begin($after).tie,
            &$filter.state.map(State::as_str),
            &$filter.number_id,
            &$filter.contact_id,
            &$filter.assignee_id,
            &$filter.unassigned,
            &($limit + 1),
            &$filter.team_id,
            &$filter.no_team,
            $(&$more),*
        ]
    };
}

fn begin(after: Option<Cursor>) -> Cursor {
    after.unwrap_or(Cursor::at(Timestamp::MAX, Uuid::max()))
}

macro_rules! in_order {
    () => {
        " ORDER BY v.last_message_at DESC, v.id DESC LIMIT $9"
    };
}

const PAGE: &str = select!(narrowed!(), in_order!());
// These conditions stand in the statement, not in a parameter, so that the small index of such ones serves it.
const UNREAD_PAGE: &str = select!("v.unread_count > 0 AND ", narrowed!(), in_order!());
const ASSIGNEES_PAGE: &str =
    select!("v.assignee_id = $7 AND (NOT $12 OR v.unread_count > 0) AND ", narrowed!(), in_order!());
const STATES_PAGE: &str = select!("v.state = $4 AND (NOT $12 OR v.unread_count > 0) AND ", narrowed!(), in_order!());
const TEAMS_PAGE: &str = select!("v.team_id = $10 AND (NOT $12 OR v.unread_count > 0) AND ", narrowed!(), in_order!());

// Few of many wait for an answer and are somebody's, or nobody's: each has an index of its own.
const ACTIVE_ASSIGNEES_PAGE: &str = select!(
    "v.state = 'active' AND v.assignee_id = $7 AND (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    in_order!()
);
const ACTIVE_NOBODYS_PAGE: &str = select!(
    "v.state = 'active' AND v.assignee_id IS NULL AND (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    in_order!()
);

/// Of the newest, looked at one by one, those that match.
const NEWEST: &str = select!(
    "v.id = ANY (ARRAY(SELECT w.id FROM wazapp.conversation w
                       WHERE w.organization_id = $1 AND (w.last_message_at, w.id) < ($2, $3)
                       ORDER BY w.last_message_at DESC, w.id DESC LIMIT $14))
     AND (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    " AND (",
    matches!("$13"),
    " OR wazapp.searchable(concat_ws(' ', v.group_id, g.subject)) LIKE wazapp.searchable($13))",
    in_order!()
);

/// The ids of all that match: those with people whom the index finds, and groups, one by one.
const FOUND: &str = concat!(
    "WITH people AS MATERIALIZED (
       SELECT c.id FROM wazapp.contact c WHERE c.organization_id = $1 AND ",
    matches!("$13"),
    "), found AS (
       SELECT v.* FROM people JOIN wazapp.conversation v ON v.organization_id = $1 AND v.contact_id = people.id
       UNION ALL
       SELECT v.* FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.group_id IS NOT NULL
         AND wazapp.searchable(v.group_id) LIKE wazapp.searchable($13))
     SELECT v.id FROM found v WHERE (NOT $12 OR v.unread_count > 0) AND ",
    narrowed!(),
    in_order!()
);

const THESE: &str = select!("v.id = ANY ($2) ORDER BY v.last_message_at DESC, v.id DESC");

/// Conversations, newest last message first.
pub async fn list(tx: &Tenant, filter: &Filter, after: Option<Cursor>, limit: i64) -> Result<Page<Conversation>> {
    let organization = tx.organization_id();
    let state = filter.state.map(State::as_str);
    if let Some((sql, own)) = filter.of_an_index(state.as_ref()) {
        let (begin, most) = (begin(after), limit + 1);
        let (time, more) = (begin.timestamp(), own.into_iter());
        let params: Vec<&dyn Param> =
            [&organization as &dyn Param, &time, &begin.tie, &most].into_iter().chain(more).collect();
        return Ok(page(&tx.query(sql, &params).await?, limit));
    }
    let few = match (filter.assignee_id, filter.team_id, filter.state) {
        (Some(_), _, Some(State::Active)) => Some(ACTIVE_ASSIGNEES_PAGE),
        (None, None, Some(State::Active)) if filter.unassigned => Some(ACTIVE_NOBODYS_PAGE),
        (Some(_), _, _) => Some(ASSIGNEES_PAGE),
        (None, Some(_), _) => Some(TEAMS_PAGE),
        (None, None, Some(_)) if !filter.unread => Some(STATES_PAGE),
        (None, None, _) => None,
    };
    let rows = match few {
        Some(sql) => tx.query_filtered(sql, &narrow!(organization, filter, after, limit, filter.unread)).await?,
        None if filter.unread => tx.query_filtered(UNREAD_PAGE, &narrow!(organization, filter, after, limit)).await?,
        None => tx.query_filtered(PAGE, &narrow!(organization, filter, after, limit)).await?,
    };
    Ok(page(&rows, limit))
}

/// All of them, those that began last first: what happens in them moves no page.
pub async fn list_by_id(tx: &Tenant, after: Option<Cursor>, limit: i64) -> Result<Page<Conversation>> {
    let below = after.map_or(Uuid::max(), |cursor| cursor.tie);
    let sql = select!("v.id < $2 ORDER BY v.id DESC LIMIT $3");
    let rows = tx.query(sql, &[&tx.organization_id(), &below, &(limit + 1)]).await?;
    let rows = rows.iter().map(Conversation::read).collect();
    Ok(Page::new(rows, limit, |one: &Conversation| Cursor { at: 0, tie: one.id }))
}

/// Of them, those with people whom a search finds, or groups.
pub async fn search(
    database: &Database,
    scope: &Scope,
    (filter, search): (&Filter, &Search),
    after: Option<Cursor>,
    limit: i64,
) -> Result<Page<Conversation>> {
    let tx = database.tenant(scope).await?;
    let organization = scope.organization_id();
    let (pattern, newest) = (search.pattern(), search.newest());
    let rows =
        tx.query_filtered(NEWEST, &narrow!(organization, filter, after, limit, filter.unread, pattern, newest)).await?;
    tx.close();
    if !search.is_indexed() || i64::try_from(rows.len()).is_ok_and(|found| found > limit) {
        return Ok(page(&rows, limit));
    }
    let params = narrow!(organization, filter, after, limit, filter.unread, pattern);
    let ids = Search::find(database, scope, FOUND, &params).await?;
    let tx = database.tenant(scope).await?;
    let rows = tx.query(THESE, &[&organization, &ids]).await?;
    tx.close();
    Ok(page(&rows, limit))
}

fn page(rows: &[Row], limit: i64) -> Page<Conversation> {
    let cursor = |row: &Conversation| Cursor::at(row.last_message_at.unwrap_or(row.created_at), row.id);
    Page::new(rows.iter().map(Conversation::read).collect(), limit, cursor)
}
