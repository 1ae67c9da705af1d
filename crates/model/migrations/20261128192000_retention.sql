-- What grows without end gets an end: how long an organization's events, updates of statuses and messages are kept, and how
-- far they have gone. See model/src/retention.rs.

ALTER TABLE wazapp.organization
  -- What an operator set for this organization. NULL: what holds for all; -1: for ever. Meta repeats itself for 7 days.
  ADD COLUMN event_retention_days   integer CHECK (event_retention_days = -1 OR event_retention_days >= 8),
  ADD COLUMN status_retention_days  integer CHECK (status_retention_days = -1 OR status_retention_days >= 8),
  ADD COLUMN message_retention_days integer CHECK (message_retention_days = -1 OR message_retention_days >= 8);

CREATE TABLE wazapp.retention (
  organization_id uuid PRIMARY KEY REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  oldest_event    bigint NOT NULL DEFAULT 1, -- the log begins here; behind its end: all of it went
  -- What is from before went, or is going. NULL: nothing went. These never go back.
  events_since    timestamptz,
  statuses_since  timestamptz,
  messages_since  timestamptz,
  statuses_gone   bigint NOT NULL DEFAULT 0,
  messages_gone   bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- How far a log had come, noted once a day: events carry Meta's time, which says nothing of when a reader could see them.
CREATE TABLE wazapp.event_mark (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  at              timestamptz NOT NULL,
  last            bigint NOT NULL,
  PRIMARY KEY (organization_id, at)
);

ALTER TABLE wazapp.conversation
  ADD COLUMN messages_gone   bigint NOT NULL DEFAULT 0, -- past their retention; their numbers are not given again
  ADD COLUMN gone_inbound_at timestamptz;               -- when the contact wrote the newest of them

-- Of one organization: what is past its retention.
CREATE INDEX status_age ON wazapp.status (organization_id, received_at);
CREATE INDEX message_age ON wazapp.message (organization_id, timestamp);

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['retention', 'event_mark'] LOOP
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

CREATE FUNCTION wazapp.retention_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO wazapp.retention (organization_id) VALUES (NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER retention_begins AFTER INSERT ON wazapp.organization FOR EACH ROW EXECUTE FUNCTION wazapp.retention_begins();
REVOKE EXECUTE ON FUNCTION wazapp.retention_begins() FROM PUBLIC;

SET LOCAL ROLE wazapp_worker;
INSERT INTO wazapp.retention (organization_id) SELECT id FROM wazapp.organization;
-- Days that are over: an event's id says when it was recorded, in milliseconds.
INSERT INTO wazapp.event_mark (organization_id, at, last)
SELECT organization_id, to_timestamp((day + 1) * 86400.0), max(sequence)
FROM (SELECT organization_id, sequence,
             ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 86400000 AS day FROM wazapp.event) recorded
WHERE to_timestamp((day + 1) * 86400.0) <= now()
GROUP BY organization_id, day;
RESET ROLE;
