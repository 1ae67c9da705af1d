-- In what state a message of ours found the conversation that it made wait for the customer: so it is again, if the message proves
-- never to have been with Meta. NULL: it found it waiting already, or somebody said so since.
ALTER TABLE wazapp.outbox ADD COLUMN turned_from text CONSTRAINT outbox_turned_from CHECK (turned_from IN ('active', 'resolved'));
GRANT UPDATE (turned_from) ON wazapp.outbox TO wazapp_web;
