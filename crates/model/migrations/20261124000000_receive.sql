-- Everything wazapp owns lives in the schema `wazapp`. Tenant tables carry organization_id first in every key, and
-- row-level security that even their owner obeys. Two roles own nothing and bypass nothing:
--   wazapp_web     sees the one organization named in app.organization_id
--   wazapp_worker  applies batches, so its policies see all organizations; operators' commands use it too

DO $$
DECLARE
  wanted text;
  -- Since PostgreSQL 16 a member may still not be allowed to SET ROLE; before, membership was all there was.
  needed text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['wazapp_web', 'wazapp_worker'] LOOP
    -- Another database of this cluster may have made it, or an administrator beforehand.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- just now
      END;
    END IF;
    IF NOT pg_has_role(current_user, wanted, needed) THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
    END IF;
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA wazapp TO wazapp_web, wazapp_worker;

-- Global tables -------------------------------------------------------------------------------------------------

CREATE TABLE wazapp.organization (
  id         uuid PRIMARY KEY,
  slug       text NOT NULL UNIQUE,
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The default App comes from the configuration; these are the others. Secrets are sealed.
CREATE TABLE wazapp.app (
  id           text PRIMARY KEY,
  name         text NOT NULL,
  verify_token bytea,
  created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE wazapp.app_secret (
  app_id     text NOT NULL REFERENCES wazapp.app (id) ON DELETE CASCADE,
  id         uuid NOT NULL,
  sealed     bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, id)
);

-- Which keys seal this database's secrets: a server with another one would find out only when it needs them.
CREATE TABLE wazapp.sealing_key (
  key_id     bytea PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Tenant tables -------------------------------------------------------------------------------------------------

-- One row an organization: the last number given out in its event log. Whoever writes events locks it first, so
-- events become visible in order; it also lines up everyone who changes the organization's conversations.
CREATE TABLE wazapp.organization_sequence (
  organization_id uuid PRIMARY KEY REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  last            bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE wazapp.api_key (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  id              uuid NOT NULL,
  name            text NOT NULL,
  hint            text NOT NULL,
  hash            bytea NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  last_used_at    timestamptz,
  revoked_at      timestamptz,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, hash)
);

CREATE TABLE wazapp.number (
  organization_id      uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  id                   uuid NOT NULL,
  phone_number_id      text NOT NULL,
  waba_id              text NOT NULL,
  app_id               text, -- NULL: the default App
  status               text NOT NULL CHECK (status IN ('connected', 'disconnected')),
  display_phone_number text,
  verified_name        text,
  username             text,
  quality_event        text,
  messaging_limit      text,
  throughput           text,
  name_status          text,
  settings             json,
  history              json,
  facts_at             timestamptz,
  token                bytea,
  connected_at         timestamptz NOT NULL DEFAULT now(),
  disconnected_at      timestamptz,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, phone_number_id)
);

CREATE TABLE wazapp.contact (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  id              uuid NOT NULL,
  profile_name    text,
  own_name        text, -- given by the organization: it wins and stays
  book_name       text, -- from the address book of a phone that shares the number
  notes           text,
  wa_id           text,
  user_id         text,
  parent_user_id  text,
  username        text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, id)
);

-- Every name Meta ever used for a contact leads back to it; the contact itself shows the latest of each kind.
CREATE TABLE wazapp.contact_identity (
  organization_id uuid NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('wa_id', 'user_id', 'parent_user_id', 'username')),
  value           text NOT NULL,
  contact_id      uuid NOT NULL,
  PRIMARY KEY (organization_id, kind, value),
  FOREIGN KEY (organization_id, contact_id) REFERENCES wazapp.contact (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_identity_contact ON wazapp.contact_identity (organization_id, contact_id);

CREATE TABLE wazapp.conversation (
  organization_id   uuid NOT NULL,
  id                uuid NOT NULL,
  number_id         uuid NOT NULL,
  contact_id        uuid,
  group_id          text,
  state             text NOT NULL CHECK (state IN ('active', 'waiting', 'resolved')),
  unread_count      integer NOT NULL DEFAULT 0 CHECK (unread_count >= 0),
  last_sequence     bigint NOT NULL DEFAULT 0,
  last_message_id   uuid,
  last_message_at   timestamptz NOT NULL,
  last_inbound_at   timestamptz,
  window_expires_at timestamptz,
  assignee_id       uuid,
  referral          json,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, id),
  UNIQUE NULLS NOT DISTINCT (organization_id, contact_id, group_id, number_id), -- contact first: it serves look-ups by contact too
  CHECK ((contact_id IS NULL) <> (group_id IS NULL)),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id),
  FOREIGN KEY (organization_id, contact_id) REFERENCES wazapp.contact (organization_id, id)
) WITH (fillfactor = 70);
CREATE INDEX conversation_newest ON wazapp.conversation (organization_id, last_message_at DESC, id DESC);
CREATE INDEX conversation_unread ON wazapp.conversation (organization_id, last_message_at DESC, id DESC) WHERE unread_count > 0;

CREATE TABLE wazapp.message (
  organization_id uuid NOT NULL,
  id              uuid NOT NULL,
  conversation_id uuid NOT NULL,
  number_id       uuid NOT NULL,
  contact_id      uuid, -- who wrote it, in a group
  sequence        bigint NOT NULL,
  direction       text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
  origin          text NOT NULL,
  type            text NOT NULL,
  text            text NOT NULL,
  payload         json NOT NULL,
  wamid           text,
  reply_to_wamid  text,
  status          text,
  error           json,
  edited_at       timestamptz,
  revoked_at      timestamptz,
  timestamp       timestamptz NOT NULL,
  received_at     timestamptz NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, number_id, wamid),
  FOREIGN KEY (organization_id, conversation_id) REFERENCES wazapp.conversation (organization_id, id)
) WITH (fillfactor = 90);
CREATE INDEX message_newest ON wazapp.message (organization_id, conversation_id, timestamp DESC, sequence DESC);
-- An edit or a deletion that came before its message is found again by what it points at.
CREATE INDEX message_amends ON wazapp.message (organization_id, number_id, reply_to_wamid) WHERE type IN ('edit', 'revoke');

CREATE TABLE wazapp.message_version (
  organization_id uuid NOT NULL,
  message_id      uuid NOT NULL,
  replaced_at     timestamptz NOT NULL,
  replaced_by     text NOT NULL, -- wamid of the edit or deletion
  text            text NOT NULL,
  PRIMARY KEY (organization_id, message_id, replaced_by),
  FOREIGN KEY (organization_id, message_id) REFERENCES wazapp.message (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE wazapp.reaction (
  organization_id uuid NOT NULL,
  number_id       uuid NOT NULL,
  target_wamid    text NOT NULL,
  reactor         text NOT NULL, -- the contact's id, or 'business'
  emoji           text,          -- NULL: taken back
  wamid           text NOT NULL,
  timestamp       timestamptz NOT NULL,
  PRIMARY KEY (organization_id, number_id, target_wamid, reactor),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id)
);

-- Keyed by wamid, not by message: a status may come before its message, and waits here.
CREATE TABLE wazapp.status (
  organization_id uuid NOT NULL,
  number_id       uuid NOT NULL,
  wamid           text NOT NULL,
  status          text NOT NULL,
  participant     text NOT NULL DEFAULT '',
  timestamp       timestamptz NOT NULL, -- the epoch when Meta named none
  payload         json NOT NULL,
  received_at     timestamptz NOT NULL,
  PRIMARY KEY (organization_id, number_id, wamid, status, participant, timestamp),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id)
);

CREATE TABLE wazapp.media (
  organization_id uuid NOT NULL,
  id              uuid NOT NULL,
  message_id      uuid NOT NULL,
  state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'stored', 'failed')),
  meta_id         text,
  url             text,
  mime_type       text,
  filename        text,
  size            bigint,
  sha256          text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, message_id),
  FOREIGN KEY (organization_id, message_id) REFERENCES wazapp.message (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE wazapp.template (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  id              uuid NOT NULL,
  waba_id         text NOT NULL,
  template_id     text NOT NULL,
  name            text,
  language        text,
  status          text,
  category        text,
  quality         text,
  reason          text,
  components      json,
  facts_at        timestamptz NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, waba_id, template_id)
);

-- What happened, in order. `data` is null where the subject row says it all: it is rendered when read.
CREATE TABLE wazapp.event (
  organization_id uuid NOT NULL,
  sequence        bigint NOT NULL,
  id              uuid NOT NULL,
  type            text NOT NULL,
  timestamp       timestamptz NOT NULL,
  subject_id      uuid,
  data            json,
  fingerprint     bytea, -- of a notice from Meta, so that a repeated webhook is one event
  PRIMARY KEY (organization_id, sequence)
);
CREATE UNIQUE INDEX event_fingerprint ON wazapp.event (organization_id, fingerprint) WHERE fingerprint IS NOT NULL;

-- Queue 1: inbound ----------------------------------------------------------------------------------------------

-- Who a phone_number_id belongs to now: one organization at a time, on one App.
CREATE TABLE wazapp.number_claim (
  phone_number_id      text PRIMARY KEY,
  organization_id      uuid NOT NULL,
  number_id            uuid NOT NULL,
  app_id               text,
  waba_id              text NOT NULL,
  -- Deferred: the claim comes first, so that a number which is taken is never written.
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id) ON DELETE CASCADE
    DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX number_claim_waba ON wazapp.number_claim (waba_id);

-- Each writer connection numbers its own rows: within a stream, rows become visible in order.
CREATE TABLE wazapp.stream (
  id         uuid PRIMARY KEY,
  started_at timestamptz NOT NULL
);

CREATE TABLE wazapp.lane (id smallint PRIMARY KEY);
INSERT INTO wazapp.lane SELECT generate_series(0, 31);

CREATE TABLE wazapp.lane_cursor (
  lane      smallint NOT NULL REFERENCES wazapp.lane (id),
  stream_id uuid NOT NULL,
  position  bigint NOT NULL,
  PRIMARY KEY (lane, stream_id)
) WITH (fillfactor = 50);

-- Append-only raw webhook bodies. Partitions are days, dropped whole after the retention.
CREATE TABLE wazapp.inbound (
  stream_id   uuid NOT NULL,
  lane        smallint NOT NULL,
  position    bigint NOT NULL,
  received_at timestamptz NOT NULL,
  app_id      text,
  body        bytea NOT NULL,
  PRIMARY KEY (stream_id, lane, position, received_at)
) PARTITION BY RANGE (received_at);
-- Takes what no day's partition takes, so that a late upkeep never refuses a webhook.
CREATE TABLE wazapp.inbound_default PARTITION OF wazapp.inbound DEFAULT;

-- Well-signed input that belongs to no connected number, or could not be applied.
CREATE TABLE wazapp.quarantine (
  id              uuid PRIMARY KEY,
  reason          text NOT NULL,
  detail          text NOT NULL,
  app_id          text,
  phone_number_id text,
  field           text,
  body            bytea NOT NULL,
  fingerprint     bytea NOT NULL UNIQUE, -- the same input, repeated, is one row
  repeats         integer NOT NULL DEFAULT 0,
  received_at     timestamptz NOT NULL,
  replayed_at     timestamptz
);
CREATE INDEX quarantine_waiting ON wazapp.quarantine (received_at, id) WHERE replayed_at IS NULL;

-- Row-level security --------------------------------------------------------------------------------------------

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['organization_sequence', 'api_key', 'number', 'contact', 'contact_identity',
    'conversation', 'message', 'message_version', 'reaction', 'status', 'media', 'template', 'event'] LOOP
    EXECUTE format('ALTER TABLE wazapp.%I ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE wazapp.%I FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format($p$CREATE POLICY own_organization ON wazapp.%I TO wazapp_web
      USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
      WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)$p$, tenant);
    EXECUTE format('CREATE POLICY any_organization ON wazapp.%I TO wazapp_worker USING (true) WITH CHECK (true)', tenant);
    IF tenant <> 'number' THEN
      EXECUTE format('GRANT SELECT ON wazapp.%I TO wazapp_web', tenant);
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.%I TO wazapp_worker', tenant);
  END LOOP;
END $$;

-- An organization may read its own row.
ALTER TABLE wazapp.organization ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.organization FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.organization TO wazapp_web
  USING (id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.organization TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT ON wazapp.organization TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.organization TO wazapp_worker;

-- All of a number but its token.
GRANT SELECT (organization_id, id, phone_number_id, waba_id, app_id, status, display_phone_number, verified_name, username,
  quality_event, messaging_limit, throughput, name_status, settings, history, facts_at, connected_at, disconnected_at,
  created_at, updated_at) ON wazapp.number TO wazapp_web;

-- What people change through the API.
GRANT UPDATE (last) ON wazapp.organization_sequence TO wazapp_web;
GRANT UPDATE (last_used_at) ON wazapp.api_key TO wazapp_web;
GRANT UPDATE (own_name, notes, updated_at) ON wazapp.contact TO wazapp_web;
GRANT UPDATE (state, assignee_id, unread_count, updated_at) ON wazapp.conversation TO wazapp_web;
GRANT INSERT ON wazapp.event TO wazapp_web;

-- The rest is the worker's alone.
GRANT SELECT, INSERT ON wazapp.sealing_key TO wazapp_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.app, wazapp.app_secret, wazapp.number_claim, wazapp.stream,
  wazapp.lane_cursor, wazapp.quarantine TO wazapp_worker;
GRANT SELECT, UPDATE ON wazapp.lane TO wazapp_worker;
GRANT SELECT, INSERT ON wazapp.inbound TO wazapp_worker;
GRANT SELECT ON wazapp.migration TO wazapp_worker; -- readiness
