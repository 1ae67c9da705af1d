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
-- Requests seal, and so ask which key does.
GRANT SELECT (key_id, stage) ON wazapp.sealing_key TO wazapp_web;

-- Which keys each running server has. A key seals only when all of them can open what it sealed.
CREATE TABLE wazapp.key_holder (
  id      uuid PRIMARY KEY,
  name    text NOT NULL,        -- machine, process and data directory, for people
  keys    bytea[] NOT NULL,
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
ALTER TABLE wazapp.app_secret ADD COLUMN sealed_key bytea GENERATED ALWAYS AS (substring(sealed FROM 1 FOR 4)) STORED;
ALTER TABLE wazapp.app_secret
  ADD CONSTRAINT app_secret_sealed_key FOREIGN KEY (sealed_key) REFERENCES wazapp.sealing_key (key_id);
ALTER TABLE wazapp.app_verify_token ADD COLUMN sealed_key bytea GENERATED ALWAYS AS (substring(sealed FROM 1 FOR 4)) STORED;
ALTER TABLE wazapp.app_verify_token
  ADD CONSTRAINT app_verify_token_sealed_key FOREIGN KEY (sealed_key) REFERENCES wazapp.sealing_key (key_id);
ALTER TABLE wazapp.number ADD COLUMN token_key bytea GENERATED ALWAYS AS (substring(token FROM 1 FOR 4)) STORED;
ALTER TABLE wazapp.number
  ADD CONSTRAINT number_token_key FOREIGN KEY (token_key) REFERENCES wazapp.sealing_key (key_id);
ALTER TABLE wazapp.connection ADD COLUMN token_key bytea GENERATED ALWAYS AS (substring(token FROM 1 FOR 4)) STORED;
ALTER TABLE wazapp.connection
  ADD CONSTRAINT connection_token_key FOREIGN KEY (token_key) REFERENCES wazapp.sealing_key (key_id);
ALTER TABLE wazapp.connection ADD COLUMN code_key bytea GENERATED ALWAYS AS (substring(code FROM 1 FOR 4)) STORED;
ALTER TABLE wazapp.connection
  ADD CONSTRAINT connection_code_key FOREIGN KEY (code_key) REFERENCES wazapp.sealing_key (key_id);
ALTER TABLE wazapp.connection ADD COLUMN pin_key bytea GENERATED ALWAYS AS (substring(pin FROM 1 FOR 4)) STORED;
ALTER TABLE wazapp.connection
  ADD CONSTRAINT connection_pin_key FOREIGN KEY (pin_key) REFERENCES wazapp.sealing_key (key_id);
