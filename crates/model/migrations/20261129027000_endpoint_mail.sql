-- Mail to owners of whose organization a program is not told any more.
ALTER TABLE wazapp.mail ADD COLUMN endpoint_id uuid, ADD COLUMN endpoint_since timestamptz;
ALTER TABLE wazapp.mail DROP CONSTRAINT mail_kind;
ALTER TABLE wazapp.mail ADD CONSTRAINT mail_kind
  CHECK (kind IN ('invitation', 'endpoint', 'account', 'reset', 'forgotten'));
ALTER TABLE wazapp.mail DROP CONSTRAINT mail_of;
ALTER TABLE wazapp.mail ADD CONSTRAINT mail_of CHECK (
  (kind IN ('invitation', 'endpoint')) = (organization_id IS NOT NULL)
  AND (kind = 'invitation') = (invitation_id IS NOT NULL)
  AND (kind = 'endpoint') = (endpoint_id IS NOT NULL) AND (endpoint_id IS NULL) = (endpoint_since IS NULL));
-- Each owner hears of it once.
CREATE UNIQUE INDEX mail_endpoint_once ON wazapp.mail (organization_id, endpoint_id, endpoint_since, recipient)
  WHERE endpoint_id IS NOT NULL;
CREATE INDEX endpoint_lost ON wazapp.endpoint (state_at) WHERE state <> 'on';
