-- Refusals in a row, of what rests: waits grow with them, and what was refused begins again slowly.

ALTER TABLE wazapp.number_pace
  ADD COLUMN refusals   integer NOT NULL DEFAULT 0, -- down by one with each answer that is none
  ADD COLUMN held_until timestamptz;                -- after a refusal, the next messages wait for the answer of the first
ALTER TABLE wazapp.pair_pace ADD COLUMN refusals integer NOT NULL DEFAULT 0;
-- Of the message alone, whatever its number and its recipient met.
ALTER TABLE wazapp.outbox ADD COLUMN refusals integer NOT NULL DEFAULT 0;

-- Of a conversation, one message is under way at a time.
CREATE INDEX outbox_under_way ON wazapp.outbox (organization_id, conversation_id) WHERE state = 'sending';
