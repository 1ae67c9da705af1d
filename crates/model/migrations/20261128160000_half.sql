-- A number that is claimed, and of which Meta was not told yet to send its webhooks; and where Meta sends them.

ALTER TABLE wazapp.number
  ADD COLUMN hears    boolean NOT NULL DEFAULT true, -- false: claimed by an attempt that has not come to its webhooks
  ADD COLUMN webhooks json;                          -- Meta's webhook_configuration; NULL: Meta was not asked
GRANT SELECT (hears, webhooks) ON wazapp.number TO wazapp_web;

-- A rest that a person or a look ends is also tried now and then; and bulk messages rest alone where Meta takes messages
-- and then fails them for the account's sake.
ALTER TABLE wazapp.number_pace
  ADD COLUMN paused_at         timestamptz, -- since when it rests without an end
  ADD COLUMN probe_at          timestamptz, -- one message is tried then, although it rests
  ADD COLUMN bulk_paused_until timestamptz, -- infinity: until a look or a person ends it
  ADD COLUMN bulk_pause_reason json,
  ADD COLUMN bulk_paused_at    timestamptz;
