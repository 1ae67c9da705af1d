-- Queue 2: messages waiting for Meta, what paces them, and the keys by which a repeated request is known.

CREATE TABLE wazapp.outbox (
  organization_id uuid NOT NULL,
  message_id      uuid NOT NULL,
  number_id       uuid NOT NULL,
  conversation_id uuid NOT NULL,
  sequence        bigint NOT NULL,  -- the message's own: a conversation's messages leave in this order
  recipient       text NOT NULL,    -- a phone number's digits, a user id, or a group's id
  body            json NOT NULL,    -- Meta's object, without its recipient
  bulk            boolean NOT NULL,
  state           text NOT NULL CHECK (state IN ('queued', 'sending', 'unknown', 'cancelled')),
  on_unknown      text NOT NULL CHECK (on_unknown IN ('settle', 'resend')),
  due_at          timestamptz NOT NULL, -- when it was to leave; from then on, later ones wait for it
  send_at         timestamptz NOT NULL, -- when it is tried next
  deadline        timestamptz NOT NULL,
  attempts        integer NOT NULL DEFAULT 0,
  fence           bigint NOT NULL DEFAULT 0, -- counts claims: an answer settles the claim that it answers, no other
  lease_until     timestamptz,
  error           json,
  PRIMARY KEY (organization_id, message_id),
  FOREIGN KEY (organization_id, message_id) REFERENCES wazapp.message (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX outbox_due ON wazapp.outbox (organization_id, number_id, bulk, send_at, sequence) WHERE state = 'queued';
CREATE INDEX outbox_conversation ON wazapp.outbox (organization_id, conversation_id, sequence);
-- Of all organizations: whether anything is to be done at all.
CREATE INDEX outbox_soonest ON wazapp.outbox (send_at) WHERE state = 'queued';
CREATE INDEX outbox_leases ON wazapp.outbox (lease_until) WHERE state = 'sending';
CREATE INDEX outbox_deadlines ON wazapp.outbox (deadline) WHERE state <> 'sending';

-- How fast a number may send, as a clock that runs ahead of the time with every message (GCRA).
CREATE TABLE wazapp.number_pace (
  organization_id uuid NOT NULL,
  number_id       uuid NOT NULL,
  next_at         timestamptz NOT NULL DEFAULT 'epoch',
  served_at       timestamptz NOT NULL DEFAULT 'epoch',
  paused_until    timestamptz, -- infinity: until a person connects the number again
  pause_reason    json,
  PRIMARY KEY (organization_id, number_id),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);

-- The same for a number and one recipient.
CREATE TABLE wazapp.pair_pace (
  organization_id uuid NOT NULL,
  number_id       uuid NOT NULL,
  recipient       text NOT NULL,
  next_at         timestamptz NOT NULL,
  PRIMARY KEY (organization_id, number_id, recipient),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX pair_pace_past ON wazapp.pair_pace (next_at);

CREATE TABLE wazapp.idempotency_key (
  organization_id uuid NOT NULL,
  key             text NOT NULL,
  fingerprint     bytea NOT NULL, -- of the request that it came with first
  message_id      uuid NOT NULL,
  created_at      timestamptz NOT NULL,
  PRIMARY KEY (organization_id, key),
  FOREIGN KEY (organization_id, message_id) REFERENCES wazapp.message (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_key_past ON wazapp.idempotency_key (created_at);

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['outbox', 'number_pace', 'pair_pace', 'idempotency_key'] LOOP
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

-- Queueing a message writes it, its place in the queue, and whoever it is to, if nobody wrote to them before.
GRANT INSERT ON wazapp.outbox, wazapp.idempotency_key, wazapp.message, wazapp.conversation, wazapp.contact,
  wazapp.contact_identity TO wazapp_web;
GRANT UPDATE (last_sequence, last_message_id, last_message_at) ON wazapp.conversation TO wazapp_web;
-- Cancelling it.
GRANT UPDATE (state) ON wazapp.outbox TO wazapp_web;
GRANT UPDATE (status, error) ON wazapp.message TO wazapp_web;

-- Every number has a pace. As the worker, because row-level security hides numbers from their owner.
SET LOCAL ROLE wazapp_worker;
INSERT INTO wazapp.number_pace (organization_id, number_id) SELECT organization_id, id FROM wazapp.number;
RESET ROLE;
