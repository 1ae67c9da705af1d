-- What is known of a number from looking at it, when it is looked at next, and what sending costs.

-- Some of it may be there from connecting it.
ALTER TABLE wazapp.number
  ADD COLUMN IF NOT EXISTS quality_rating text,
  ADD COLUMN IF NOT EXISTS platform_type  text,
  ADD COLUMN meta_status    text,
  ADD COLUMN IF NOT EXISTS is_on_biz_app  boolean,     -- shared with the WhatsApp Business app
  ADD COLUMN health         json,
  ADD COLUMN problem        json,        -- what its organization should do something about
  ADD COLUMN checked_at     timestamptz, -- when Meta last answered
  ADD COLUMN check_at       timestamptz NOT NULL DEFAULT 'epoch', -- when it is looked at next; a claim moves it on
  ADD COLUMN check_begun_at timestamptz NOT NULL DEFAULT 'epoch';
GRANT SELECT (quality_rating, platform_type, meta_status, is_on_biz_app, health, problem, checked_at)
  ON wazapp.number TO wazapp_web;
CREATE INDEX number_check ON wazapp.number (check_at) WHERE status = 'connected';
-- Meta counts calls by account.
CREATE INDEX number_check_account ON wazapp.number (waba_id, check_begun_at);

-- How many messages of each kind Meta put a price on. Each message is in one row, whichever of its statuses said so.
CREATE TABLE wazapp.cost (
  organization_id uuid NOT NULL,
  month           integer NOT NULL, -- 202611, in UTC
  number_id       uuid NOT NULL,
  category        text NOT NULL,    -- Meta's word; empty where it said none
  type            text NOT NULL,    -- regular, free_customer_service, free_entry_point; the same
  billable        boolean NOT NULL,
  prefix          text NOT NULL,    -- the first four digits of whom it went to, or the country of a user id
  messages        bigint NOT NULL,
  PRIMARY KEY (organization_id, month, number_id, category, type, billable, prefix),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id)
) WITH (fillfactor = 50);

-- What messages cost, as their organization says: Meta tells no prices. A list is read and replaced whole.
CREATE TABLE wazapp.price_list (
  organization_id uuid PRIMARY KEY REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  currency        text,
  prices          json NOT NULL,
  updated_at      timestamptz NOT NULL
);

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['cost', 'price_list'] LOOP
    EXECUTE format('ALTER TABLE wazapp.%I ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE wazapp.%I FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format($p$CREATE POLICY own_organization ON wazapp.%I TO wazapp_web
      USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
      WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)$p$, tenant);
    EXECUTE format('CREATE POLICY any_organization ON wazapp.%I TO wazapp_worker USING (true) WITH CHECK (true)', tenant);
    EXECUTE format('GRANT SELECT ON wazapp.%I TO wazapp_web', tenant);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.%I TO wazapp_worker', tenant);
  END LOOP;
END $$;
GRANT INSERT, UPDATE (currency, prices, updated_at) ON wazapp.price_list TO wazapp_web;

-- Statuses from before are counted as they would be today. As the worker, because row-level security hides them from
-- their owner.
SET LOCAL ROLE wazapp_worker;
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
  ORDER BY organization_id, number_id, wamid, at, status COLLATE "C", participant COLLATE "C"),
counted AS (
  SELECT organization_id, number_id, to_char(at AT TIME ZONE 'UTC', 'YYYYMM')::integer AS month,
         left(replace(lower(coalesce(pricing ->> 'category', '')), '-', '_'), 64) AS category,
         left(lower(coalesce(pricing ->> 'type', '')), 64) AS type,
         CASE pricing ->> 'billable' WHEN 'true' THEN true WHEN 'false' THEN false
              ELSE coalesce(pricing ->> 'type', 'regular') = 'regular' END AS billable,
         coalesce((
           SELECT CASE WHEN word ~ '^[0-9]' THEN left(word, 4) ELSE left(word, 2) END
           FROM unnest(ARRAY[payload ->> 'recipient_participant_id', payload ->> 'recipient_id',
                             payload ->> 'recipient_participant_user_id', payload ->> 'recipient_user_id'])
             WITH ORDINALITY AS named (word, nth)
           WHERE word ~ '^([0-9]{7,15}|[A-Z]{2}\.[A-Za-z0-9.]+)$' ORDER BY nth LIMIT 1), '') AS prefix
  FROM first)
SELECT organization_id, month, number_id, category, type, billable, prefix, count(*)
FROM counted GROUP BY organization_id, month, number_id, category, type, billable, prefix;
RESET ROLE;
