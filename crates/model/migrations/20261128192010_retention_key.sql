-- A message that goes takes its idempotency key with it: without this, each would read all keys of its organization.
CREATE INDEX idempotency_key_message ON wazapp.idempotency_key (organization_id, message_id);
