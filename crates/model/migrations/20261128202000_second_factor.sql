-- What a person shows beside a password, or in its place. Only the worker reads any of it.

-- Each opens once, where nothing else is at hand; kept as hashes.
CREATE TABLE wazapp.recovery_code (
  user_id    uuid NOT NULL,
  hash       bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, hash),
  CONSTRAINT recovery_code_user FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);

-- Public keys of people's authenticators, with their counters.
CREATE TABLE wazapp.passkey (
  user_id       uuid NOT NULL,
  id            uuid NOT NULL,
  credential_id bytea NOT NULL,
  credential    json NOT NULL,
  name          text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  last_used_at  timestamptz,
  PRIMARY KEY (user_id, id),
  CONSTRAINT passkey_credential UNIQUE (credential_id), -- one authenticator's key is one person's
  CONSTRAINT passkey_user FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);

-- A browser was asked to show one, or to make one; any node takes the answer, once.
CREATE TABLE wazapp.passkey_ceremony (
  hash       bytea PRIMARY KEY,
  purpose    text NOT NULL,
  user_id    uuid,          -- NULL: whoever it will turn out to be
  state      json NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT passkey_ceremony_purpose CHECK (purpose IN ('register', 'sign_in')),
  CONSTRAINT passkey_ceremony_user FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);
CREATE INDEX passkey_ceremony_expires ON wazapp.passkey_ceremony (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.recovery_code, wazapp.passkey, wazapp.passkey_ceremony TO wazapp_worker;
