-- Every key that a sealed value names is noted, before the database holds each value to a noted key: row-level security hides
-- these rows from the owner of the schema. And what an attempt's token is told apart by outlives another sealing of it: the
-- value's nonce.
SET LOCAL ROLE wazapp_worker;
INSERT INTO wazapp.sealing_key (key_id)
SELECT substring(sealed FROM 1 FOR 4) FROM (
  SELECT verify_token FROM wazapp.app
  UNION ALL SELECT sealed FROM wazapp.app_secret
  UNION ALL SELECT token FROM wazapp.number
  UNION ALL SELECT token FROM wazapp.connection
  UNION ALL SELECT code FROM wazapp.connection
  UNION ALL SELECT pin FROM wazapp.connection) AS every (sealed)
WHERE sealed IS NOT NULL
ON CONFLICT DO NOTHING;
UPDATE wazapp.connection
SET learned = jsonb_set(learned::jsonb, '{answered,token}', to_jsonb(encode(substring(token FROM 5 FOR 24), 'hex')))::json
WHERE learned -> 'answered' ->> 'token' = encode(sha256(token), 'hex');
RESET ROLE;
