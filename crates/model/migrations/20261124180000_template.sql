-- Templates as a whole: what Meta lists beside what its webhooks tell, and when each account was listed last.

ALTER TABLE wazapp.template
  ADD COLUMN parameter_format  text,
  ADD COLUMN previous_category text,
  ADD COLUMN ttl_seconds       integer,
  -- Webhooks tell the words alone: without samples, cards, or the header of a picture.
  ADD COLUMN components_whole  boolean NOT NULL DEFAULT false,
  ADD COLUMN listed_at         timestamptz, -- the beginning of the last reading that it was in
  ADD COLUMN created_at        timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN updated_at        timestamptz NOT NULL DEFAULT now();
CREATE INDEX template_by_name ON wazapp.template (organization_id, waba_id, name, language);

-- One reading of an account's templates at a time. Accounts are shared by organizations at times: each has its own.
CREATE TABLE wazapp.template_sync (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  waba_id         text NOT NULL,
  due_at          timestamptz NOT NULL,
  lease_until     timestamptz,
  fence           bigint NOT NULL DEFAULT 0, -- counts claims: a reading that came too late writes nothing
  attempts        integer NOT NULL DEFAULT 0, -- failures since it last went well
  synced_at       timestamptz, -- when the last reading of all of them began
  error           json,
  PRIMARY KEY (organization_id, waba_id)
) WITH (fillfactor = 70);
-- Of all organizations: whether anything is to be done at all.
CREATE INDEX template_sync_due ON wazapp.template_sync (due_at);
CREATE INDEX template_sync_account ON wazapp.template_sync (waba_id);

ALTER TABLE wazapp.template_sync ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.template_sync FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.template_sync TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.template_sync TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT ON wazapp.template_sync TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.template_sync TO wazapp_worker;
