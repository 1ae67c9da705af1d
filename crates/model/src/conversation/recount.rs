//! A conversation worked out again from its messages, where they came or went or were told another time of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::contact::kept_words;
use crate::database::{Param, Pipeline, Result, params};
use crate::draft;
use crate::event::Line;

/// What a message's row says of its place; where it says nothing, because it is older or our own, its kind and its way do.
macro_rules! told {
    (shows) => {
        "m.type NOT IN ('reaction', 'edit', 'revoke', 'system')"
    };
    (counts) => {
        "coalesce(m.counts, m.origin = 'webhook' AND m.direction = 'inbound'
                            AND m.type NOT IN ('reaction', 'edit', 'revoke', 'system', 'call'))"
    };
    (opens) => {
        "m.direction = 'inbound' AND m.type <> 'system'
         AND (m.origin <> 'history' OR m.timestamp + interval '24 hours' > m.received_at)"
    };
    // Whom the newest message that says so leaves waiting, when, and by what tie; of the conversation `o`.
    (turns) => {
        concat!(
            "CASE WHEN m.direction = 'inbound' THEN 'active' ELSE 'waiting' END AS state, m.timestamp AS at,
                  CASE WHEN m.direction = 'inbound' THEN '1' ELSE '0' END || ",
            $crate::conversation::told!(tie),
            " AS tie FROM wazapp.message m
           WHERE m.organization_id = o.organization_id AND m.conversation_id = o.id
             AND (",
            $crate::conversation::told!(counts),
            " OR ",
            $crate::conversation::told!(answers),
            ") ORDER BY 2 DESC, 3 DESC LIMIT 1"
        )
    };
    // What never went is no answer.
    (answers) => {
        concat!(
            "m.direction = 'outbound' AND m.origin IN ('echo', 'api') AND m.type <> 'call'
               AND (m.status IS DISTINCT FROM 'failed' OR m.wamid IS NOT NULL) AND ",
            $crate::conversation::told!(shows)
        )
    };
    (tie) => {
        "(CASE WHEN m.origin = 'api' THEN m.id::text ELSE coalesce(m.wamid, m.id::text) END) COLLATE \"C\""
    };
}
pub(crate) use told;

/// Each takes the organization and the conversations.
const STEPS: [&str; 3] = [
    // Queue rows first, like everyone who changes both.
    "SELECT FROM wazapp.outbox q JOIN wazapp.message m ON m.organization_id = q.organization_id AND m.id = q.message_id
     WHERE m.organization_id = $1 AND m.conversation_id = ANY ($2) ORDER BY q.message_id FOR UPDATE OF q",
    // Their numbers have no gap, behind those that went past their retention.
    "UPDATE wazapp.message m SET sequence = n.sequence
     FROM (SELECT m.id, v.messages_gone
             + row_number() OVER (PARTITION BY m.conversation_id ORDER BY m.sequence, m.id) AS sequence
           FROM wazapp.message m
           JOIN wazapp.conversation v ON v.organization_id = m.organization_id AND v.id = m.conversation_id
           WHERE m.organization_id = $1 AND m.conversation_id = ANY ($2)) n
     WHERE m.organization_id = $1 AND m.id = n.id AND m.sequence <> n.sequence",
    // How one found another conversation says nothing of this one.
    "UPDATE wazapp.outbox q SET sequence = m.sequence, conversation_id = m.conversation_id,
       turned_from = CASE WHEN q.conversation_id = m.conversation_id THEN q.turned_from END
     FROM wazapp.message m
     WHERE m.organization_id = $1 AND m.conversation_id = ANY ($2) AND q.organization_id = $1 AND q.message_id = m.id
       AND (q.sequence, q.conversation_id) IS DISTINCT FROM (m.sequence, m.conversation_id)",
];

/// What a conversation shows; takes the time too.
const SHOW: &str =
    concat!(
        "UPDATE wazapp.conversation v SET
           last_sequence = v.messages_gone + k.messages, unread_count = least(v.unread_count, k.counted),
           last_message_id = l.id, last_message_at = coalesce(l.timestamp, k.newest_at, v.last_message_at),
           last_message_tie = coalesce(l.tie, ''),
           last_inbound_at = greatest(k.inbound_at, v.gone_inbound_at),
           window_expires_at = greatest(k.inbound_at, v.gone_inbound_at) + interval '24 hours',
           -- What followed messages that went past their retention stays, until a newer one says otherwise.
           state = CASE WHEN s.at = v.state_at AND s.tie = v.state_tie OR u.stays THEN v.state
                        WHEN s.at IS NULL AND v.messages_gone > 0 THEN v.state
                        WHEN s.at IS NOT NULL THEN s.state
                        WHEN v.state_tie = 'people' THEN v.state
                        WHEN k.live THEN 'waiting' ELSE 'resolved' END,
           state_at = coalesce(CASE WHEN u.stays THEN v.state_at END, s.at, CASE WHEN v.messages_gone > 0 THEN v.state_at
                                          WHEN k.live OR v.state_tie = 'people' THEN timestamptz 'epoch' END),
           state_tie = coalesce(CASE WHEN u.stays THEN v.state_tie END, s.tie, CASE WHEN v.messages_gone > 0 THEN v.state_tie
                                            WHEN v.state_tie = 'people' THEN 'people' ELSE '' END),
           -- What a message that stands elsewhere now brought goes with it; what is from before messages kept it stays.
           referral = CASE WHEN f.stays THEN v.referral
                           WHEN v.referral_tie <> '' THEN r.referral ELSE coalesce(r.referral, v.referral) END,
           referral_at = CASE WHEN f.stays THEN v.referral_at
                              WHEN v.referral_tie <> '' THEN r.timestamp ELSE coalesce(r.timestamp, v.referral_at) END,
           referral_tie = CASE WHEN f.stays THEN v.referral_tie
                               WHEN v.referral_tie <> '' THEN coalesce(r.tie, '') ELSE coalesce(r.tie, v.referral_tie) END,
           updated_at = greatest(v.updated_at, $3)
         FROM wazapp.conversation o
         LEFT JOIN LATERAL (
           SELECT count(*) AS messages, count(*) FILTER (WHERE ",
        told!(counts),
        ") AS counted,
                  bool_or(m.origin <> 'history') AS live,
                  bool_or(m.status = 'failed' AND m.wamid IS NULL AND '0' || m.id::text = o.state_tie) AS unsent, max(m.timestamp) AS newest_at,
                  max(least(m.timestamp, m.received_at)) FILTER (WHERE ",
        told!(opens),
        ") AS inbound_at
           FROM wazapp.message m WHERE m.organization_id = o.organization_id AND m.conversation_id = o.id) k ON true
         LEFT JOIN LATERAL (
           SELECT m.id, m.timestamp, ",
        told!(tie),
        " AS tie FROM wazapp.message m
           WHERE m.organization_id = o.organization_id AND m.conversation_id = o.id AND ",
        told!(shows),
        " ORDER BY 2 DESC, 3 DESC LIMIT 1) l ON true
         LEFT JOIN LATERAL (
           SELECT ",
        told!(turns),
        ") s ON true
         LEFT JOIN LATERAL (
           SELECT m.referral, m.timestamp, ",
        told!(tie),
        " AS tie FROM wazapp.message m
           WHERE m.organization_id = o.organization_id AND m.conversation_id = o.id AND m.referral IS NOT NULL
           ORDER BY 2, 3 LIMIT 1) r ON true
         -- What never went is no answer, and what was said of the conversation since it was written stays.
         CROSS JOIN LATERAL (SELECT k.unsent AND (s.at IS NULL
             OR (s.at, s.tie) < (o.state_at, o.state_tie COLLATE \"C\")) AS stays) u
         -- The first referral stays, also where the message that brought it went past its retention.
         CROSS JOIN LATERAL (SELECT o.messages_gone > 0 AND o.referral_at < coalesce(r.timestamp, 'infinity') AS stays) f
         WHERE o.organization_id = $1 AND o.id = ANY ($2) AND v.organization_id = $1 AND v.id = o.id"
    );

/// Whose care a conversation is in whose last message went elsewhere goes with that. Takes the organization, conversations
/// that were left, and where each one's message is now.
pub(crate) const HAND_ON: &str = "UPDATE wazapp.conversation t SET assignee_id = v.assignee_id
     FROM unnest($2::uuid[], $3::uuid[]) AS l (from_id, to_id)
     JOIN wazapp.conversation v ON v.organization_id = $1 AND v.id = l.from_id
     WHERE t.organization_id = $1 AND t.id = l.to_id AND t.assignee_id IS NULL AND v.assignee_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = v.id)";

/// Hands on whose care conversations are in that messages left, and what is being written there, each with where one of them is now. Before they are worked
/// out again.
pub fn any_organization_hand_on(pipeline: &mut Pipeline<'_>, line: &Line<'_>, left: &BTreeMap<Uuid, Uuid>) {
    let (from, to): (Vec<Uuid>, Vec<Uuid>) = left.iter().unzip();
    for statement in [HAND_ON, draft::GO_ON] {
        pipeline.push(statement, params![line.organization_id(), from.clone(), to.clone()]);
    }
}

/// A conversation that nothing stands in any more goes, unless what stood there went past its retention; and its contact if
/// that is named by nobody and has nothing else. `$named`: what else names one.
macro_rules! empty {
    ($($named:literal)?) => {
        concat!(
            "WITH gone AS (
               DELETE FROM wazapp.conversation v WHERE v.organization_id = $1 AND v.id = ANY ($2) AND v.messages_gone = 0
                 AND NOT EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = $1 AND m.conversation_id = v.id)
               RETURNING v.id, v.contact_id)
             DELETE FROM wazapp.contact c USING gone
             WHERE c.organization_id = $1 AND c.id = gone.contact_id AND num_nonnulls(",
            kept_words!(),
            $($named,)?
            ") = 0
               AND NOT EXISTS (SELECT FROM wazapp.conversation v
                               WHERE v.organization_id = $1 AND v.contact_id = c.id AND v.id NOT IN (SELECT id FROM gone))
               AND NOT EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = $1 AND m.contact_id = c.id)"
        )
    };
}

/// Behind everything else that is written: people and the address book name a contact, its messages elsewhere do not.
const EMPTY: &str = empty!();

/// Before names are written.
const EMPTY_NAMELESS: &str = empty!(", c.wa_id, c.user_id, c.parent_user_id, c.username, c.profile_name");

/// Works out conversations of one organization from their messages, behind whatever changed these. One that is empty now
/// goes.
pub fn any_organization_recount(pipeline: &mut Pipeline<'_>, line: &Line<'_>, conversations: Vec<Uuid>) {
    for step in STEPS {
        pipeline.push(step, params![line.organization_id(), conversations.clone()]);
    }
    pipeline.push(SHOW, params![line.organization_id(), conversations.clone(), pipeline.now()]);
    pipeline.push(EMPTY, params![line.organization_id(), conversations]);
}

/// The same at once.
pub(crate) async fn recount(line: &Line<'_>, now: Timestamp, conversations: &[Uuid]) -> Result<()> {
    let (organization_id, conversations) = (line.organization_id(), conversations.to_vec());
    let params: [&dyn Param; 2] = [&organization_id, &conversations];
    for step in STEPS {
        line.query(step, &params).await?;
    }
    line.query(SHOW, &[&organization_id, &conversations, &now]).await?;
    line.query(EMPTY_NAMELESS, &params).await?;
    Ok(())
}
