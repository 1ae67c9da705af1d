-- Once restored from a backup, a server sends nothing until a person says so: what waits may have been sent after the backup
-- was made. It belongs to no organization.
CREATE TABLE wazapp.restoration (
  id          uuid PRIMARY KEY,
  made_at     timestamptz NOT NULL, -- the backup
  restored_at timestamptz NOT NULL,
  released_at timestamptz           -- NULL: nothing leaves
);
-- Every claim of what leaves looks here: it is empty, or a row.
CREATE UNIQUE INDEX restoration_held ON wazapp.restoration ((released_at IS NULL)) WHERE released_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON wazapp.restoration TO wazapp_worker;

-- Backups that servers make by themselves, one at a time.
CREATE TABLE wazapp.backup (
  id          uuid PRIMARY KEY,
  name        text NOT NULL,        -- where they are kept
  begun_at    timestamptz NOT NULL,
  lease_until timestamptz,          -- until then a server is at it; NULL: it has ended
  ended_at    timestamptz,
  size        bigint,               -- bytes; NULL: there is none
  failure     text
);
CREATE INDEX backup_begun ON wazapp.backup (begun_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.backup TO wazapp_worker;
