-- Beside what the demo has: ten thousand conversations of one message each, and one of fifty thousand messages.
CREATE TEMPORARY TABLE made AS
SELECT o.id AS organization_id,
       (SELECT id FROM wazapp.number WHERE organization_id = o.id ORDER BY id LIMIT 1) AS number_id,
       n,
       gen_random_uuid() AS contact_id,
       gen_random_uuid() AS conversation_id,
       gen_random_uuid() AS message_id,
       -- The first is the long one, and the newest.
       date_trunc('second', now()) - make_interval(secs => 60 + n) AS at
FROM wazapp.organization o, generate_series(0, 10000) AS n
WHERE o.slug = 'cafe-lucero';

INSERT INTO wazapp.contact (organization_id, id, profile_name, wa_id)
SELECT organization_id, contact_id, CASE n WHEN 0 THEN 'La de siempre' ELSE 'Lista ' || lpad(n::text, 5, '0') END,
       '52199' || lpad(n::text, 8, '0')
FROM made;

INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, unread_count, last_sequence,
                                 last_message_id, last_message_at, last_inbound_at, window_expires_at)
SELECT organization_id, conversation_id, number_id, contact_id, CASE n % 3 WHEN 0 THEN 'active' ELSE 'waiting' END, 0, 1,
       message_id, at, at, at + interval '24 hours'
FROM made;

INSERT INTO wazapp.message (organization_id, id, conversation_id, number_id, contact_id, sequence, direction, origin, type,
                            text, payload, wamid, timestamp, received_at)
SELECT organization_id, message_id, conversation_id, number_id, contact_id, 50000, 'inbound', 'webhook', 'text',
       CASE n WHEN 0 THEN 'largo 50000.' ELSE 'hola ' || n END, '{"type": "text"}', 'wamid.list-' || n, at, at
FROM made;

INSERT INTO wazapp.message (organization_id, id, conversation_id, number_id, contact_id, sequence, direction, origin, type,
                            text, payload, wamid, timestamp, received_at)
SELECT organization_id,
       CASE m WHEN 7 THEN '01990000-0000-7000-8000-000000000007' ELSE gen_random_uuid() END, conversation_id, number_id, contact_id, m, 'inbound', 'webhook', 'text',
       'largo ' || m || '.', '{"type": "text"}', 'wamid.long-' || m, at - make_interval(secs => 50000 - m),
       at - make_interval(secs => 50000 - m)
FROM made, generate_series(1, 49999) AS m
WHERE n = 0;

ANALYZE wazapp.conversation, wazapp.message, wazapp.contact;
