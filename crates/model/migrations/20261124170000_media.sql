-- Where the bytes of media are: rows about files in the store, and the queue by which they are fetched.

ALTER TABLE wazapp.organization ADD COLUMN media_retention_days integer CHECK (media_retention_days > 0); -- NULL: for ever

-- The same bytes are one file in an organization, and another one in the next: nobody learns what others have.
-- A row is there before its bytes and goes after them, so that no bytes lie about that nobody knows of.
CREATE TABLE wazapp.file (
  organization_id    uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  sha256             text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size               bigint NOT NULL,
  mime_type          text,        -- as its first bytes say
  thumbnail          text,        -- another file
  thumbnail_at       timestamptz, -- when one is to be made
  thumbnail_attempts smallint NOT NULL DEFAULT 0,
  touched_at         timestamptz NOT NULL, -- when somebody brought these bytes last: a file that is new is not swept
  deleted_at         timestamptz, -- its bytes are about to go
  PRIMARY KEY (organization_id, sha256),
  FOREIGN KEY (organization_id, thumbnail) REFERENCES wazapp.file (organization_id, sha256)
);
CREATE INDEX file_thumbnail ON wazapp.file (organization_id, thumbnail) WHERE thumbnail IS NOT NULL;
-- Of all organizations: what waits for a thumbnail, and what is on its way out.
CREATE INDEX file_thumbnail_at ON wazapp.file (thumbnail_at) WHERE thumbnail_at IS NOT NULL;
CREATE INDEX file_deleted ON wazapp.file (deleted_at) WHERE deleted_at IS NOT NULL;

ALTER TABLE wazapp.media
  ALTER COLUMN message_id DROP NOT NULL, -- an upload belongs to none
  ADD COLUMN file        text,           -- its bytes, once they are here; column sha256 is what Meta said
  ADD COLUMN attempts    integer NOT NULL DEFAULT 0,
  ADD COLUMN next_at     timestamptz NOT NULL DEFAULT 'epoch', -- when it is fetched; of one that is being fetched: when its lease ends
  ADD COLUMN deadline    timestamptz,    -- when it is given up
  ADD COLUMN fence       bigint NOT NULL DEFAULT 0, -- counts claims: an answer settles the claim that it answers, no other
  ADD COLUMN error       json,
  ADD COLUMN fetched_at  timestamptz,
  ADD FOREIGN KEY (organization_id, file) REFERENCES wazapp.file (organization_id, sha256),
  DROP CONSTRAINT media_state_check,
  ADD CONSTRAINT media_state_check CHECK (state IN ('pending', 'stored', 'failed', 'expired')),
  ADD CONSTRAINT media_stored_check CHECK ((state = 'stored') = (file IS NOT NULL));
CREATE INDEX media_due ON wazapp.media (organization_id, next_at) WHERE state = 'pending';
CREATE INDEX media_file ON wazapp.media (organization_id, file) WHERE file IS NOT NULL;
-- Of one organization: what is past its retention.
CREATE INDEX media_age ON wazapp.media (organization_id, fetched_at) WHERE state = 'stored';

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['file'] LOOP
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

-- Uploading.
GRANT INSERT ON wazapp.file, wazapp.media TO wazapp_web;
GRANT UPDATE (touched_at) ON wazapp.file TO wazapp_web;
-- Asking once more for what did not come.
GRANT UPDATE (state, attempts, next_at, deadline, error) ON wazapp.media TO wazapp_web;
