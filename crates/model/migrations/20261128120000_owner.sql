-- Whose things at Meta are. What Meta shows to a token is not therefore the organization's: Apps are shared, and so may
-- accounts be, and tokens that open several.

-- What an organization made at Meta through here, and is known in no other table by its id.
CREATE TABLE wazapp.made_at_meta (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  kind            text NOT NULL CHECK (kind IN ('media', 'flow', 'upload')),
  meta_id         text NOT NULL,
  made_at         timestamptz NOT NULL,
  file            text, -- of a medium: its bytes, which may be brought to Meta again
  mime_type       text, -- and what Meta was told that it is
  PRIMARY KEY (organization_id, kind, meta_id)
);
CREATE INDEX made_at_meta_past ON wazapp.made_at_meta (made_at) WHERE kind <> 'flow';

ALTER TABLE wazapp.made_at_meta ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.made_at_meta FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.made_at_meta TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.made_at_meta TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT ON wazapp.made_at_meta TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.made_at_meta TO wazapp_worker;

CREATE INDEX media_meta_id ON wazapp.media (organization_id, meta_id) WHERE meta_id IS NOT NULL;

-- Whose an App is; null: the server's own, which organizations may share but not name.
ALTER TABLE wazapp.app ADD COLUMN organization_id uuid REFERENCES wazapp.organization (id) ON DELETE CASCADE;
