-- Where an organization's programs hear of what happens. An endpoint follows a log by a cursor of its own, so nothing is
-- written for it where things happen, and one that is turned off costs nothing: its gap is what lies behind the cursor.
CREATE TABLE wazapp.endpoint (
  organization_id  uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  id               uuid NOT NULL,
  url              text NOT NULL,
  revision         integer NOT NULL DEFAULT 1, -- of the URL: what another one answered says nothing of this one
  format           text NOT NULL,
  kinds            text[],           -- types of events, or Meta's fields; NULL: all
  number_ids       uuid[],           -- NULL: all
  description      text NOT NULL,
  rate             integer,          -- calls a second; NULL: as many as there are
  concurrency      smallint NOT NULL,
  in_order         boolean NOT NULL, -- of each conversation one at a time, in order
  quiet_ms         integer,          -- events of a conversation are gathered until it was quiet for so long
  most_ms          integer,          -- and no longer than this
  header_names     text[] NOT NULL,
  headers          bytea,            -- sealed: a JSON object
  headers_key      bytea GENERATED ALWAYS AS (substring(headers FROM 1 FOR 4)) STORED,
  secret           bytea NOT NULL,   -- sealed
  secret_key       bytea GENERATED ALWAYS AS (substring(secret FROM 1 FOR 4)) STORED,
  former_secret    bytea,            -- sealed: the one before, which signs too until former_until
  former_secret_key bytea GENERATED ALWAYS AS (substring(former_secret FROM 1 FOR 4)) STORED,
  former_until     timestamptz,
  state            text NOT NULL,
  trouble          json,             -- why it is off, where it was not turned off by people
  state_at         timestamptz NOT NULL,
  cursor           bigint NOT NULL,  -- how far it has come in its log
  spread_at        timestamptz,      -- not looked further before: too much waits
  due_at           timestamptz,      -- when something of it is due; NULL: nothing waits
  next_at          timestamptz NOT NULL, -- its clock, where it has a rate
  rests_until      timestamptz,      -- it asked not to be called before
  failing_since    timestamptz,
  failures         integer NOT NULL DEFAULT 0, -- in a row
  last_success_at  timestamptz,
  created_at       timestamptz NOT NULL,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT endpoint_format CHECK (format IN ('wazapp', 'meta')),
  CONSTRAINT endpoint_state CHECK (state IN ('on', 'off', 'gone')),
  CONSTRAINT endpoint_gathers CHECK ((quiet_ms IS NULL) = (most_ms IS NULL)),
  CONSTRAINT endpoint_former CHECK (former_secret IS NULL OR former_until IS NOT NULL),
  CONSTRAINT endpoint_headers_key FOREIGN KEY (headers_key) REFERENCES wazapp.sealing_key (key_id),
  CONSTRAINT endpoint_secret_key FOREIGN KEY (secret_key) REFERENCES wazapp.sealing_key (key_id),
  CONSTRAINT endpoint_former_secret_key FOREIGN KEY (former_secret_key) REFERENCES wazapp.sealing_key (key_id)
) WITH (fillfactor = 70);
CREATE INDEX endpoint_due ON wazapp.endpoint (due_at) WHERE state = 'on';

-- What Meta sent of an organization's numbers, as Meta would have sent it to that organization alone: kept only where an
-- endpoint asks for it. Numbered under the organization's line.
CREATE TABLE wazapp.relay (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  sequence        bigint NOT NULL,
  parts           json NOT NULL, -- of which fields and numbers its changes are, in order
  body            bytea NOT NULL,
  received_at     timestamptz NOT NULL,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (organization_id, sequence)
);
CREATE INDEX relay_created ON wazapp.relay (created_at);
ALTER TABLE wazapp.organization_sequence ADD COLUMN relays boolean NOT NULL DEFAULT false; -- whether an endpoint asks for it
ALTER TABLE wazapp.organization_sequence ADD COLUMN relayed bigint NOT NULL DEFAULT 0;     -- the last number of the relay

-- One event, or one body of Meta's, for one endpoint.
CREATE TABLE wazapp.delivery (
  organization_id uuid NOT NULL,
  id              uuid NOT NULL,
  endpoint_id     uuid NOT NULL,
  sequence        bigint,           -- in the log; NULL: a test
  kind            text NOT NULL,
  conversation_id uuid,
  state           text NOT NULL,
  tries           integer NOT NULL DEFAULT 0, -- also the fence: only the last one says what came of it
  step            integer NOT NULL DEFAULT 0, -- tries since it began, or people began it anew: its place in the schedule
  batch_id        uuid,             -- what is told together, from the first try on
  due_at          timestamptz NOT NULL,
  created_at      timestamptz NOT NULL,
  ended_at        timestamptz,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT delivery_endpoint FOREIGN KEY (organization_id, endpoint_id)
    REFERENCES wazapp.endpoint (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT delivery_state CHECK (state IN ('waiting', 'calling', 'delivered', 'failed', 'skipped')),
  CONSTRAINT delivery_ends CHECK ((state IN ('waiting', 'calling')) = (ended_at IS NULL))
);
CREATE INDEX delivery_due ON wazapp.delivery (organization_id, endpoint_id, due_at) WHERE state IN ('waiting', 'calling');
CREATE INDEX delivery_conversation ON wazapp.delivery (organization_id, endpoint_id, conversation_id, sequence)
  WHERE state IN ('waiting', 'calling');
CREATE INDEX delivery_listed ON wazapp.delivery (organization_id, endpoint_id, id);
CREATE UNIQUE INDEX delivery_once ON wazapp.delivery (organization_id, endpoint_id, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX delivery_ended ON wazapp.delivery (ended_at) WHERE ended_at IS NOT NULL;

-- One call.
CREATE TABLE wazapp.delivery_attempt (
  organization_id uuid NOT NULL,
  delivery_id     uuid NOT NULL,
  number          integer NOT NULL,
  at              timestamptz NOT NULL,
  took_ms         integer NOT NULL,
  status          smallint, -- NULL: no answer
  error           text,     -- why there was none
  answer          text,     -- how it begins
  PRIMARY KEY (organization_id, delivery_id, number),
  CONSTRAINT delivery_attempt_of FOREIGN KEY (organization_id, delivery_id)
    REFERENCES wazapp.delivery (organization_id, id) ON DELETE CASCADE
);

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['endpoint', 'relay', 'delivery', 'delivery_attempt'] LOOP
    EXECUTE format('ALTER TABLE wazapp.%I ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE wazapp.%I FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format($p$CREATE POLICY own_organization ON wazapp.%I TO wazapp_web
      USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
      WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)$p$, tenant);
    EXECUTE format('CREATE POLICY any_organization ON wazapp.%I TO wazapp_worker USING (true) WITH CHECK (true)', tenant);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.%I TO wazapp_worker', tenant);
  END LOOP;
END $$;
GRANT SELECT (organization_id, id, url, revision, format, kinds, number_ids, description, rate, concurrency, in_order, quiet_ms, most_ms,
              header_names, former_until, state, trouble, state_at, cursor, due_at, failing_since, failures, last_success_at,
              created_at) ON wazapp.endpoint TO wazapp_web;
GRANT INSERT, DELETE ON wazapp.endpoint TO wazapp_web;
GRANT UPDATE (url, revision, kinds, number_ids, description, rate, concurrency, in_order, quiet_ms, most_ms, header_names, headers,
              state, trouble, state_at, cursor, spread_at, due_at, rests_until, failing_since, failures)
  ON wazapp.endpoint TO wazapp_web;
GRANT SELECT ON wazapp.relay, wazapp.delivery, wazapp.delivery_attempt TO wazapp_web;
GRANT INSERT ON wazapp.delivery TO wazapp_web;
GRANT UPDATE (state, step, batch_id, due_at, ended_at) ON wazapp.delivery TO wazapp_web;
GRANT UPDATE (relays) ON wazapp.organization_sequence TO wazapp_web;
