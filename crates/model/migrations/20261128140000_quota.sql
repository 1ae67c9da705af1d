-- What an organization may take of the server, and what it takes: counted as it is taken, so that nobody has to count rows.

CREATE TABLE wazapp.quota (
  organization_id         uuid PRIMARY KEY REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  -- Taken, as the tables `file` and `outbox` hold it.
  media_bytes             bigint NOT NULL DEFAULT 0,
  queued_messages         bigint NOT NULL DEFAULT 0,
  -- Taken on a day (UTC).
  counted_on              date NOT NULL DEFAULT 'epoch',
  uploads                 bigint NOT NULL DEFAULT 0,
  connections             bigint NOT NULL DEFAULT 0,
  -- What an operator set for this organization. NULL: what holds for all; -1: no limit.
  media_bytes_limit       bigint CHECK (media_bytes_limit >= -1),
  queued_messages_limit   bigint CHECK (queued_messages_limit >= -1),
  uploads_a_day_limit     bigint CHECK (uploads_a_day_limit >= -1),
  connections_a_day_limit bigint CHECK (connections_a_day_limit >= -1)
) WITH (fillfactor = 50);

ALTER TABLE wazapp.quota ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.quota FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.quota TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.quota TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT ON wazapp.quota TO wazapp_web;
GRANT UPDATE (media_bytes, queued_messages, counted_on, uploads, connections) ON wazapp.quota TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.quota TO wazapp_worker;

-- Counting. As whoever writes, so that row-level security holds here too. The row that is changed stays locked until the
-- transaction ends: of two who take the last of it at once, the second sees what the first took.

CREATE FUNCTION wazapp.quota_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO wazapp.quota (organization_id) VALUES (NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER quota_begins AFTER INSERT ON wazapp.organization FOR EACH ROW EXECUTE FUNCTION wazapp.quota_begins();

CREATE FUNCTION wazapp.quota_counts_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE wazapp.quota q SET media_bytes = q.media_bytes + CASE TG_OP WHEN 'DELETE' THEN -c.bytes ELSE c.bytes END
  FROM (SELECT organization_id, sum(size)::bigint AS bytes FROM changed GROUP BY organization_id) c
  WHERE q.organization_id = c.organization_id;
  RETURN NULL;
END $$;
CREATE TRIGGER quota_of_new AFTER INSERT ON wazapp.file
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION wazapp.quota_counts_files();
CREATE TRIGGER quota_of_gone AFTER DELETE ON wazapp.file
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION wazapp.quota_counts_files();

CREATE FUNCTION wazapp.quota_counts_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE wazapp.quota q SET queued_messages = q.queued_messages + CASE TG_OP WHEN 'DELETE' THEN -c.messages ELSE c.messages END
  FROM (SELECT organization_id, count(*) AS messages FROM changed WHERE state <> 'cancelled' GROUP BY organization_id) c
  WHERE q.organization_id = c.organization_id;
  RETURN NULL;
END $$;
CREATE TRIGGER quota_of_new AFTER INSERT ON wazapp.outbox
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION wazapp.quota_counts_messages();
CREATE TRIGGER quota_of_gone AFTER DELETE ON wazapp.outbox
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION wazapp.quota_counts_messages();

-- What is cancelled waits no more; its row goes later.
CREATE FUNCTION wazapp.quota_counts_cancelled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE wazapp.quota SET queued_messages = queued_messages + CASE NEW.state WHEN 'cancelled' THEN -1 ELSE 1 END
  WHERE organization_id = NEW.organization_id;
  RETURN NULL;
END $$;
CREATE TRIGGER quota_of_cancelled AFTER UPDATE OF state ON wazapp.outbox FOR EACH ROW
  WHEN ((OLD.state = 'cancelled') <> (NEW.state = 'cancelled')) EXECUTE FUNCTION wazapp.quota_counts_cancelled();

REVOKE EXECUTE ON FUNCTION wazapp.quota_begins(), wazapp.quota_counts_files(), wazapp.quota_counts_messages(),
  wazapp.quota_counts_cancelled() FROM PUBLIC;

-- What is there already. As the worker, because row-level security hides it from its owner.
SET LOCAL ROLE wazapp_worker;
INSERT INTO wazapp.quota (organization_id, media_bytes, queued_messages)
SELECT o.id, coalesce((SELECT sum(size) FROM wazapp.file f WHERE f.organization_id = o.id), 0),
       (SELECT count(*) FROM wazapp.outbox x WHERE x.organization_id = o.id AND x.state <> 'cancelled')
FROM wazapp.organization o;
RESET ROLE;

-- What is past its time.
CREATE INDEX quarantine_age ON wazapp.quarantine (received_at);
