-- The master key changes while servers run. One key seals; a new one comes first, until every server has it; an old one goes
-- when no sealed value names it any more, which the foreign keys below make sure of.
ALTER TABLE wazapp.sealing_key ADD COLUMN stage text NOT NULL DEFAULT 'going';
ALTER TABLE wazapp.sealing_key
  ADD CONSTRAINT sealing_key_stage_check CHECK (stage IN ('coming', 'seals', 'going'));
UPDATE wazapp.sealing_key SET stage = 'seals'
WHERE key_id = (SELECT key_id FROM wazapp.sealing_key ORDER BY created_at, key_id LIMIT 1);
ALTER TABLE wazapp.sealing_key ALTER COLUMN stage DROP DEFAULT;
CREATE UNIQUE INDEX sealing_key_seals ON wazapp.sealing_key (stage) WHERE stage = 'seals';
GRANT UPDATE (stage), DELETE ON wazapp.sealing_key TO wazapp_worker;

-- Which keys each running server has. A key seals only when all of them can open what it sealed.
CREATE TABLE wazapp.key_holder (
  id      uuid PRIMARY KEY,
  name    text NOT NULL,        -- machine, process and data directory, for people
  keys    bytea[] NOT NULL,
  seals   bytea NOT NULL,       -- the one that its requests seal with, which do not see sealing_key
  beat    bigint NOT NULL DEFAULT 0, -- grows as long as the server runs
  seen_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.key_holder TO wazapp_worker;

-- Several of an App are accepted while one takes the place of the other, as of its secrets.
CREATE TABLE wazapp.app_verify_token (
  app_id     text NOT NULL CONSTRAINT app_verify_token_app REFERENCES wazapp.app (id) ON DELETE CASCADE,
  id         uuid NOT NULL,
  sealed     bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.app_verify_token TO wazapp_worker;
-- Ids are in the order of time, and these are older than all that come.
INSERT INTO wazapp.app_verify_token (app_id, id, sealed, created_at)
SELECT id, overlay(gen_random_uuid()::text PLACING '00000000' FROM 1 FOR 8)::uuid, verify_token, created_at FROM wazapp.app WHERE verify_token IS NOT NULL;

-- Which lanes its bodies have, whatever Apps come and go beside it.
ALTER TABLE wazapp.app ADD COLUMN nth integer;
UPDATE wazapp.app a SET nth = o.nth
FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) - 1 AS nth FROM wazapp.app) o WHERE o.id = a.id;
ALTER TABLE wazapp.app ALTER COLUMN nth SET NOT NULL;

-- The key that a sealed value names, its first four bytes, is one that is noted. A further sealed column gets the same pair.
DO $$
DECLARE place text[];
BEGIN
  FOREACH place SLICE 1 IN ARRAY ARRAY[['app_secret', 'sealed'], ['app_verify_token', 'sealed'], ['number', 'token'],
                                       ['connection', 'token'], ['connection', 'code'], ['connection', 'pin']] LOOP
    EXECUTE format('ALTER TABLE wazapp.%1$I ADD COLUMN %2$I bytea GENERATED ALWAYS AS (substring(%3$I FROM 1 FOR 4)) STORED',
                   place[1], place[2] || '_key', place[2]);
    EXECUTE format('ALTER TABLE wazapp.%1$I ADD CONSTRAINT %2$I FOREIGN KEY (%3$I) REFERENCES wazapp.sealing_key (key_id)',
                   place[1], place[1] || '_' || place[2] || '_key', place[2] || '_key');
  END LOOP;
END $$;
