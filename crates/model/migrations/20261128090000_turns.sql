-- Who has its turn: attempts under way of each organization, and files that may go.
CREATE INDEX connection_held ON wazapp.connection (lease_until, organization_id) WHERE state = 'running';
CREATE INDEX file_touched ON wazapp.file (touched_at) WHERE deleted_at IS NULL;
COMMENT ON COLUMN wazapp.file.deleted_at IS 'its bytes are about to go, not before this time';

-- Whoever waits for a message and leaves has it tried no more.
GRANT UPDATE (deadline) ON wazapp.outbox TO wazapp_web;
