-- Where an edit's file stands with a message: what Meta said of the message's own file (empty: it has none, or no hash). So
-- edits that only repeat it are known from those that bring another one, whatever came first.
ALTER TABLE wazapp.media ADD COLUMN own_sha256 text;

-- How Meta has written a phone that WhatsApp spells in two ways, and since when: also while nobody we know has it.
CREATE TABLE wazapp.identity_spelling (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  kind            text NOT NULL,
  value           text NOT NULL, -- in the canonical spelling
  written         text NOT NULL,
  first_at        timestamptz NOT NULL,
  PRIMARY KEY (organization_id, kind, value, written)
);
ALTER TABLE wazapp.identity_spelling ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.identity_spelling FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.identity_spelling TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.identity_spelling TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT ON wazapp.identity_spelling TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.identity_spelling TO wazapp_worker;

-- A contact that goes leaves the time in which it had a name: otherwise the next one's would begin too early.
ALTER TABLE wazapp.contact_identity_past
  DROP CONSTRAINT contact_identity_past_organization_id_contact_id_fkey,
  ADD FOREIGN KEY (organization_id, contact_id) REFERENCES wazapp.contact (organization_id, id)
    ON DELETE SET NULL (contact_id);
