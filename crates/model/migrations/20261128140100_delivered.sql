-- Meta charges what it delivered: what only left is not counted, and what was delivered counts in the month in which it was.

-- As the worker, because row-level security hides statuses from their owner.
SET LOCAL ROLE wazapp_worker;
DELETE FROM wazapp.cost;
INSERT INTO wazapp.cost (organization_id, month, number_id, category, type, billable, prefix, messages)
WITH readable AS MATERIALIZED (
  SELECT organization_id, number_id, wamid, status, participant,
         CASE WHEN timestamp = 'epoch' THEN received_at ELSE timestamp END AS at,
         -- PostgreSQL reads no JSON with an escaped NUL in it.
         CASE WHEN position('\u0000' IN payload::text) = 0 THEN payload END AS payload
  FROM wazapp.status WHERE position('"pricing"' IN payload::text) > 0),
priced AS (
  SELECT *, CASE WHEN json_typeof(payload -> 'pricing') = 'object' THEN payload -> 'pricing'
                 WHEN json_typeof(payload -> 'conversation') = 'object' THEN payload -> 'conversation' -> 'pricing'
            END AS pricing
  FROM readable WHERE json_typeof(payload) = 'object'),
first AS (
  SELECT DISTINCT ON (organization_id, number_id, wamid) *
  FROM priced WHERE json_typeof(pricing) = 'object'
  ORDER BY organization_id, number_id, wamid, status NOT IN ('delivered', 'read', 'played'), at, status COLLATE "C",
           participant COLLATE "C"),
delivered AS (
  SELECT organization_id, number_id, wamid, min(CASE WHEN timestamp = 'epoch' THEN received_at ELSE timestamp END) AS at
  FROM wazapp.status WHERE status IN ('delivered', 'read', 'played') GROUP BY organization_id, number_id, wamid),
counted AS (
  SELECT organization_id, number_id, to_char(delivered.at AT TIME ZONE 'UTC', 'YYYYMM')::integer AS month,
         left(translate(lower(coalesce(pricing ->> 'category', '')), '- ', '__'), 64) AS category,
         left(lower(coalesce(pricing ->> 'type', '')), 64) AS type,
         CASE pricing ->> 'billable' WHEN 'true' THEN true WHEN 'false' THEN false
              ELSE coalesce(pricing ->> 'type', 'regular') = 'regular' END AS billable,
         coalesce((
           SELECT CASE WHEN word ~ '^[0-9]' THEN left(word, 4) ELSE left(word, 2) END
           FROM unnest(ARRAY[payload ->> 'recipient_participant_id', payload ->> 'recipient_id',
                             payload ->> 'recipient_participant_user_id', payload ->> 'recipient_user_id'])
             WITH ORDINALITY AS named (word, nth)
           WHERE word ~ '^([0-9]{7,15}|[A-Z]{2}\.[A-Za-z0-9.]+)$' ORDER BY nth LIMIT 1), '') AS prefix
  FROM first JOIN delivered USING (organization_id, number_id, wamid))
SELECT organization_id, month, number_id, category, type, billable, prefix, count(*)
FROM counted GROUP BY organization_id, month, number_id, category, type, billable, prefix;
RESET ROLE;
