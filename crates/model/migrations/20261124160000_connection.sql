-- How numbers are connected: every attempt with its steps, from the first call to Meta to the last.

CREATE TABLE wazapp.connection (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  id              uuid NOT NULL,
  how             text NOT NULL CHECK (how IN ('token', 'signup', 'rotation', 'disconnection')),
  state           text NOT NULL CHECK (state IN ('running', 'failed', 'done')),
  phone_number_id text,
  waba_id         text,
  app_id          text,             -- NULL: the default App
  number_id       uuid,
  session_event   text,             -- how Meta's window said that a sign-up ended
  awaits_session  boolean NOT NULL, -- what the browser heard may still come
  wishes          json NOT NULL,
  steps           json NOT NULL,
  learned         json NOT NULL,    -- what Meta said of token and number, until the number keeps it
  token           bytea,            -- sealed, like the next two; all are forgotten at the end
  code            bytea,
  pin             bytea,
  has_token       boolean GENERATED ALWAYS AS (token IS NOT NULL) STORED,
  attempts        integer NOT NULL DEFAULT 0, -- of the step at hand that brought no answer
  due_at          timestamptz,                -- NULL: waits for the code of a sign-up
  fence           bigint NOT NULL DEFAULT 0,  -- counts claims: who lost a claim writes no more
  lease_until     timestamptz,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  ended_at        timestamptz,
  PRIMARY KEY (organization_id, id),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id) ON DELETE CASCADE
);
-- Of all organizations: what is to be gone on with, and what is to be forgotten.
CREATE INDEX connection_due ON wazapp.connection (due_at) WHERE state = 'running';
CREATE INDEX connection_failed ON wazapp.connection (updated_at) WHERE state = 'failed';
CREATE INDEX connection_waiting ON wazapp.connection (created_at) WHERE state = 'running' AND due_at IS NULL;
CREATE INDEX connection_newest ON wazapp.connection (organization_id, created_at, id);

ALTER TABLE wazapp.connection ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.connection FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.connection TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.connection TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.connection TO wazapp_worker;

-- People begin attempts, see them, join the halves of a sign-up, and resume what failed. Secrets go in and never out.
GRANT SELECT (organization_id, id, how, state, phone_number_id, waba_id, app_id, number_id, session_event,
  awaits_session, wishes, steps, has_token, due_at, created_at, updated_at, ended_at) ON wazapp.connection TO wazapp_web;
GRANT INSERT ON wazapp.connection TO wazapp_web;
GRANT UPDATE (state, phone_number_id, waba_id, session_event, awaits_session, wishes, steps, token, code, pin, attempts,
  due_at, lease_until, updated_at, ended_at) ON wazapp.connection TO wazapp_web;

-- What Meta says of a number when it is looked at.
ALTER TABLE wazapp.number
  ADD COLUMN IF NOT EXISTS quality_rating text,
  ADD COLUMN IF NOT EXISTS platform_type  text,
  ADD COLUMN IF NOT EXISTS is_on_biz_app  boolean; -- shared with the WhatsApp Business app: never registered, nor deregistered
GRANT SELECT (quality_rating, platform_type, is_on_biz_app) ON wazapp.number TO wazapp_web;
