-- Mail to people: noted in the transaction that makes what it tells true, and sent by the worker. No link waits here: it is
-- made when the mail is sent, and kept as a hash.
CREATE TABLE wazapp.mail (
  id              uuid PRIMARY KEY, -- the mail's own name too, by which a server knows one that comes twice
  organization_id uuid,             -- whose invitation it brings; NULL: the server writes to somebody about their account
  invitation_id   uuid,
  kind            text NOT NULL,
  recipient       text NOT NULL,
  language        text NOT NULL,    -- for whoever has no account that says another
  created_at      timestamptz NOT NULL,
  due_at          timestamptz NOT NULL,
  tries           integer NOT NULL DEFAULT 0, -- also the fence: only the last one says what came of it
  error           json,             -- of the last try
  sent_at         timestamptz,
  given_up_at     timestamptz,
  CONSTRAINT mail_kind CHECK (kind IN ('invitation', 'account', 'reset', 'forgotten')),
  CONSTRAINT mail_language CHECK (language IN ('es', 'en')),
  CONSTRAINT mail_of CHECK ((kind = 'invitation') = (organization_id IS NOT NULL)
                            AND (organization_id IS NULL) = (invitation_id IS NULL)),
  CONSTRAINT mail_ends_once CHECK (sent_at IS NULL OR given_up_at IS NULL),
  CONSTRAINT mail_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE
);
CREATE INDEX mail_due ON wazapp.mail (due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX mail_invitation ON wazapp.mail (organization_id, created_at) WHERE organization_id IS NOT NULL;

-- Mailed links of an invitation, beside the one that was shown; each try to send has its own.
CREATE TABLE wazapp.invitation_link (
  organization_id uuid NOT NULL,
  hash            bytea NOT NULL,
  invitation_id   uuid NOT NULL,
  PRIMARY KEY (organization_id, hash),
  CONSTRAINT invitation_link_invitation FOREIGN KEY (organization_id, invitation_id)
    REFERENCES wazapp.invitation (organization_id, id) ON DELETE CASCADE
);

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['mail', 'invitation_link'] LOOP
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
GRANT INSERT ON wazapp.mail TO wazapp_web;
