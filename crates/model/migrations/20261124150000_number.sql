-- What is known of a number's token, so that a call can prove itself and an end can be told in time.
ALTER TABLE wazapp.number
  ADD COLUMN token_app_id     text,         -- the App it belongs to; NULL: Meta was not asked
  ADD COLUMN token_expires_at timestamptz,  -- NULL: never, or not known
  ADD COLUMN token_checked_at timestamptz;  -- when Meta last said that it is good
GRANT SELECT (token_app_id, token_expires_at, token_checked_at) ON wazapp.number TO wazapp_web;
