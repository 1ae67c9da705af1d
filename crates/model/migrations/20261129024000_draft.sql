-- What somebody has begun to write in a conversation. Nobody else sees it, whatever a statement asks for: a policy of its own
-- shows the row to whoever is named in app.user_id.
CREATE TABLE wazapp.draft (
  organization_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  user_id         uuid NOT NULL,
  text            text NOT NULL,   -- '': it was sent, or taken back; the row stays, so that an old page is known by its version
  version         bigint NOT NULL, -- only goes up
  PRIMARY KEY (organization_id, conversation_id, user_id),
  CONSTRAINT draft_length CHECK (char_length(text) <= 4096),
  CONSTRAINT draft_conversation FOREIGN KEY (organization_id, conversation_id)
    REFERENCES wazapp.conversation (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT draft_writer FOREIGN KEY (organization_id, user_id)
    REFERENCES wazapp.membership (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX draft_user ON wazapp.draft (organization_id, user_id);

ALTER TABLE wazapp.draft ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.draft FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.draft TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.draft TO wazapp_worker USING (true) WITH CHECK (true);
CREATE POLICY own_person ON wazapp.draft AS RESTRICTIVE TO wazapp_web
  USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid)
  WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY within_sight ON wazapp.draft AS RESTRICTIVE TO wazapp_web
  USING (coalesce((SELECT current_setting('app.viewer_id', true)), '') = ''
    OR EXISTS (SELECT FROM wazapp.conversation v
      WHERE v.organization_id = draft.organization_id AND v.id = draft.conversation_id OFFSET 0))
  WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE (text, version) ON wazapp.draft TO wazapp_web;
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.draft TO wazapp_worker;
