//! All rows of an organization that webhooks write, without what differs by nature: ids of our own, and numbers given in
//! the order of arrival.

use e2e::World;
use uuid::Uuid;

/// Contacts are called by the first message that is theirs, conversations likewise.
const ROWS: &str = "
WITH own AS (SELECT $1::uuid AS id),
label AS (
  SELECT c.id, coalesce(
    (SELECT min(m.wamid COLLATE \"C\") FROM wazapp.message m
     LEFT JOIN wazapp.conversation v ON v.organization_id = m.organization_id AND v.id = m.conversation_id
     WHERE m.organization_id = c.organization_id AND (v.contact_id = c.id OR m.contact_id = c.id)),
    'named ' || concat_ws(' ', c.wa_id, c.user_id, c.username)) AS label
  FROM wazapp.contact c, own WHERE c.organization_id = own.id),
number AS (
  SELECT n.id, left(n.phone_number_id, 1) AS label FROM wazapp.number n, own WHERE n.organization_id = own.id),
thread AS (
  SELECT v.id, n.label || ' ' || coalesce(v.group_id, (SELECT label FROM label WHERE label.id = v.contact_id)) AS label
  FROM wazapp.conversation v JOIN own ON v.organization_id = own.id JOIN number n ON n.id = v.number_id)
SELECT 'contact ' || l.label || ' ' || concat_ws('|', coalesce(c.profile_name, '-'), coalesce(c.book_name, '-'),
         coalesce(c.wa_id, '-'), coalesce(c.user_id, '-'), coalesce(c.parent_user_id, '-'), coalesce(c.username, '-'))
FROM wazapp.contact c JOIN label l ON l.id = c.id
UNION ALL SELECT 'name ' || i.kind || ' ' || i.value || ' ' || l.label
FROM wazapp.contact_identity i JOIN label l ON l.id = i.contact_id
UNION ALL SELECT 'past ' || p.kind || ' ' || p.value || ' ' || extract(epoch FROM p.until) || ' ' || coalesce(l.label, '-')
FROM own JOIN wazapp.contact_identity_past p ON p.organization_id = own.id LEFT JOIN label l ON l.id = p.contact_id
UNION ALL SELECT 'conversation ' || t.label || ' ' || concat_ws('|', v.state, coalesce(extract(epoch FROM v.state_at)::text, '-'),
         v.state_tie, v.unread_count, v.last_sequence, coalesce(m.wamid, '-'), extract(epoch FROM v.last_message_at),
         coalesce(extract(epoch FROM v.last_inbound_at)::text, '-'), coalesce(extract(epoch FROM v.window_expires_at)::text, '-'),
         coalesce(v.referral::text, '-'))
FROM wazapp.conversation v JOIN thread t ON t.id = v.id
LEFT JOIN wazapp.message m ON m.organization_id = v.organization_id AND m.id = v.last_message_id
UNION ALL SELECT 'message ' || m.wamid || ' ' || concat_ws('|', t.label, coalesce(a.label, '-'), m.type, m.text, m.direction,
         m.origin, coalesce(m.status, '-'), coalesce(m.error::text, '-'), md5(m.payload::text), coalesce(m.reply_to_wamid, '-'),
         coalesce(extract(epoch FROM m.edited_at)::text, '-'), coalesce(extract(epoch FROM m.revoked_at)::text, '-'),
         extract(epoch FROM m.timestamp), m.counts, m.rendition, m.party::jsonb::text, coalesce(m.referral::text, '-'))
FROM own JOIN wazapp.message m ON m.organization_id = own.id JOIN thread t ON t.id = m.conversation_id
LEFT JOIN label a ON a.id = m.contact_id
UNION ALL SELECT 'version ' || concat_ws('|', m.wamid, w.replaced_by, extract(epoch FROM w.replaced_at), w.text)
FROM own JOIN wazapp.message_version w ON w.organization_id = own.id
JOIN wazapp.message m ON m.organization_id = own.id AND m.id = w.message_id
UNION ALL SELECT 'reaction ' || concat_ws('|', r.target_wamid, coalesce(l.label, r.reactor), coalesce(r.emoji, '-'), r.wamid,
         extract(epoch FROM r.timestamp))
FROM own JOIN wazapp.reaction r ON r.organization_id = own.id LEFT JOIN label l ON l.id::text = r.reactor
UNION ALL SELECT 'status ' || concat_ws('|', s.wamid, s.status, s.participant, extract(epoch FROM s.timestamp), md5(s.payload::text))
FROM own JOIN wazapp.status s ON s.organization_id = own.id
UNION ALL SELECT 'media ' || concat_ws('|', m.wamid, d.state, coalesce(d.meta_id, '-'), coalesce(d.sha256, '-'), coalesce(d.mime_type, '-'),
         coalesce(d.own_sha256, '-'))
FROM own JOIN wazapp.media d ON d.organization_id = own.id JOIN wazapp.message m ON m.organization_id = own.id AND m.id = d.message_id
UNION ALL SELECT 'link ' || concat_ws('|', l.kind, l.value, l.holder_kind, l.holder_value, extract(epoch FROM l.first_at))
FROM own JOIN wazapp.identity_link l ON l.organization_id = own.id
UNION ALL SELECT 'spelling ' || concat_ws('|', w.kind, w.value, w.written, extract(epoch FROM w.first_at))
FROM own JOIN wazapp.identity_spelling w ON w.organization_id = own.id
UNION ALL SELECT 'move ' || concat_ws('|', l.kind, l.value, l.to_kind, l.to_value, extract(epoch FROM l.at))
FROM own JOIN wazapp.identity_move l ON l.organization_id = own.id
UNION ALL SELECT 'book ' || concat_ws('|', b.kind, b.value, coalesce(b.name, '-'), extract(epoch FROM b.at))
FROM own JOIN wazapp.book_entry b ON b.organization_id = own.id
UNION ALL SELECT 'group ' || concat_ws('|', g.group_id, g.subject, extract(epoch FROM g.at))
FROM own JOIN wazapp.conversation_group g ON g.organization_id = own.id
UNION ALL SELECT 'number ' || concat_ws('|', coalesce(n.display_phone_number, '-'), coalesce(n.verified_name, '-'), coalesce(n.username, '-'),
         coalesce(n.quality_event, '-'), coalesce(n.messaging_limit, '-'), coalesce(n.throughput, '-'), coalesce(n.name_status, '-'),
         coalesce(replace(n.settings::text, n.phone_number_id, 'itself'), '-'))
FROM own JOIN wazapp.number n ON n.organization_id = own.id
UNION ALL SELECT 'cost ' || to_jsonb(c)::text FROM (
  SELECT (to_jsonb(c) - 'organization_id' - 'number_id') AS c FROM own JOIN wazapp.cost c ON c.organization_id = own.id) c
UNION ALL SELECT 'event ' || concat_ws('|', e.type, count(*)) FROM own JOIN wazapp.event e ON e.organization_id = own.id
WHERE e.type IN ('message.payment', 'meta.calls', 'number.updated', 'message.status') GROUP BY e.type
UNION ALL SELECT 'gap in ' || t.label FROM thread t JOIN own ON true
WHERE (SELECT count(DISTINCT m.sequence) FROM wazapp.message m WHERE m.organization_id = own.id AND m.conversation_id = t.id)
   <> (SELECT max(m.sequence) FROM wazapp.message m WHERE m.organization_id = own.id AND m.conversation_id = t.id)
ORDER BY 1";

/// Of each organization: one a line.
pub(super) async fn rows(world: &World, organizations: &[Uuid]) -> Vec<String> {
    let sql = world.sql().await;
    // Nobody has counted these tables yet: without this each organization would be looked for through all of them.
    let by_key = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
    sql.batch_execute(by_key).await.expect("it is the session's own affair");
    let rows = sql.prepare(ROWS).await.expect("the statement is right");
    let mut all = Vec::new();
    for organization in organizations {
        let rows = sql.query(&rows, &[organization]).await.expect("the statement runs");
        let lines: Vec<String> = rows.iter().map(|row| row.get::<_, String>(0)).collect();
        all.push(lines.join("\n"));
    }
    all
}
