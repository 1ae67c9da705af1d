-- What Meta has of an organization's files, so that a file is brought there once: for a number, as a type.
CREATE TABLE wazapp.upload (
  organization_id uuid NOT NULL,
  number_id       uuid NOT NULL,
  file            text NOT NULL,
  mime_type       text NOT NULL, -- what Meta was told that it is
  meta_id         text NOT NULL,
  uploaded_at     timestamptz NOT NULL,
  PRIMARY KEY (organization_id, number_id, file, mime_type),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id) ON DELETE CASCADE,
  FOREIGN KEY (organization_id, file) REFERENCES wazapp.file (organization_id, sha256) ON DELETE CASCADE
);
CREATE INDEX upload_file ON wazapp.upload (organization_id, file);
CREATE INDEX upload_meta_id ON wazapp.upload (organization_id, meta_id);
CREATE INDEX upload_past ON wazapp.upload (uploaded_at);

ALTER TABLE wazapp.outbox
  ADD COLUMN files     json,                           -- what the body shows from the store: place, file, type, name, size
  ADD COLUMN preparing boolean NOT NULL DEFAULT false; -- of one that is being sent: its files are brought to Meta, no send began

-- What customers are told was read: one row a conversation, newest wins. A row that is done stays, so that it is told once.

CREATE TABLE wazapp.receipt (
  organization_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  number_id       uuid NOT NULL,
  wamid           text NOT NULL,        -- the newest message that was read: those before it are read with it
  message_at      timestamptz NOT NULL, -- its time
  state           text NOT NULL CHECK (state IN ('waiting', 'told', 'given_up')),
  next_at         timestamptz NOT NULL, -- when Meta is told next; a claim moves it ahead, so that nothing is lost with the claimer
  deadline        timestamptz NOT NULL,
  attempts        integer NOT NULL DEFAULT 0,
  fence           bigint NOT NULL DEFAULT 0, -- counts claims and newer messages: an answer settles what it answers
  PRIMARY KEY (organization_id, conversation_id),
  FOREIGN KEY (organization_id, conversation_id) REFERENCES wazapp.conversation (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX receipt_due ON wazapp.receipt (organization_id, number_id, next_at) WHERE state = 'waiting';

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['upload', 'receipt'] LOOP
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

-- Reading a conversation says so to its customer.
GRANT INSERT ON wazapp.receipt TO wazapp_web;
GRANT UPDATE (number_id, wamid, message_at, state, next_at, deadline, attempts, fence) ON wazapp.receipt TO wazapp_web;
