-- Who was let go of an organization comes back when somebody there wants it, and not because a rule lets everybody of
-- their company in.
CREATE TABLE wazapp.departure (
  organization_id uuid NOT NULL,
  user_id         uuid NOT NULL,
  left_at         timestamptz NOT NULL,
  PRIMARY KEY (organization_id, user_id),
  CONSTRAINT departure_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  CONSTRAINT departure_of_user FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);
CREATE INDEX departure_person ON wazapp.departure (user_id);

ALTER TABLE wazapp.departure ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.departure FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.departure TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.departure TO wazapp_worker USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON wazapp.departure TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.departure TO wazapp_worker;
