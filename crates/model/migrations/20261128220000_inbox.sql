-- What the pages of the inbox ask for.

-- A view shows one state; most of what an old organization has is resolved.
CREATE INDEX conversation_state ON wazapp.conversation (organization_id, state, last_message_at DESC, id DESC);

-- Which person of ours wrote it; none: a program, or somebody on the phone. Kept when they leave.
ALTER TABLE wazapp.message ADD COLUMN sender_id uuid;
