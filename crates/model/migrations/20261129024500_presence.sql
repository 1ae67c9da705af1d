-- Who is at a conversation at this moment. It ends by itself, and a crash leaves nothing of it.
CREATE UNLOGGED TABLE wazapp.presence (
  organization_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  user_id         uuid NOT NULL,
  until           timestamptz NOT NULL,
  writing_until   timestamptz, -- NULL: they look on
  PRIMARY KEY (organization_id, conversation_id, user_id),
  CONSTRAINT presence_conversation FOREIGN KEY (organization_id, conversation_id)
    REFERENCES wazapp.conversation (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT presence_member FOREIGN KEY (organization_id, user_id)
    REFERENCES wazapp.membership (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX presence_user ON wazapp.presence (organization_id, user_id);

-- How far somebody has seen a conversation.
CREATE TABLE wazapp.seen (
  organization_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  user_id         uuid NOT NULL,
  through         bigint NOT NULL, -- a sequence number
  PRIMARY KEY (organization_id, conversation_id, user_id),
  CONSTRAINT seen_conversation FOREIGN KEY (organization_id, conversation_id)
    REFERENCES wazapp.conversation (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT seen_member FOREIGN KEY (organization_id, user_id)
    REFERENCES wazapp.membership (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX seen_user ON wazapp.seen (organization_id, user_id);

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['presence', 'seen'] LOOP
    EXECUTE format('ALTER TABLE wazapp.%I ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE wazapp.%I FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format($p$CREATE POLICY own_organization ON wazapp.%I TO wazapp_web
      USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
      WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)$p$, tenant);
    EXECUTE format('CREATE POLICY any_organization ON wazapp.%I TO wazapp_worker USING (true) WITH CHECK (true)', tenant);
    EXECUTE format($p$CREATE POLICY within_sight ON wazapp.%1$I AS RESTRICTIVE TO wazapp_web
      USING (coalesce((SELECT current_setting('app.viewer_id', true)), '') = ''
        OR EXISTS (SELECT FROM wazapp.conversation v
          WHERE v.organization_id = %1$I.organization_id AND v.id = %1$I.conversation_id OFFSET 0))
      WITH CHECK (true)$p$, tenant);
    EXECUTE format('GRANT SELECT, INSERT ON wazapp.%I TO wazapp_web', tenant);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.%I TO wazapp_worker', tenant);
  END LOOP;
END $$;
GRANT UPDATE (until, writing_until), DELETE ON wazapp.presence TO wazapp_web;
GRANT UPDATE (through) ON wazapp.seen TO wazapp_web;
