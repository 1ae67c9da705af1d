-- Whoever runs the server looks into an organization only for a while, and is seen doing so. An entry is no membership: nobody
-- is assigned to who only looks, and they are nobody's owner.
CREATE TABLE wazapp.entry (
  organization_id uuid NOT NULL,
  user_id         uuid NOT NULL,
  ends_at         timestamptz NOT NULL,
  PRIMARY KEY (organization_id, user_id),
  CONSTRAINT entry_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  CONSTRAINT entry_of_user FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);
CREATE INDEX entry_ends ON wazapp.entry (ends_at);

ALTER TABLE wazapp.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.entry FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.entry TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.entry TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT ON wazapp.entry TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.entry TO wazapp_worker;
