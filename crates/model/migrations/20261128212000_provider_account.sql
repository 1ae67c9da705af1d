-- Sign-in by an identity provider.

-- Whose account somebody at a provider is. Only the worker reads it.
CREATE TABLE wazapp.provider_account (
  user_id      uuid PRIMARY KEY,     -- one account is one person's there
  issuer       text NOT NULL,
  subject      text NOT NULL,        -- what the provider never gives to anybody else
  email        text NOT NULL,        -- as the provider said it when they were linked
  created_at   timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT provider_account_subject UNIQUE (issuer, subject),
  CONSTRAINT provider_account_user FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);

-- Flows that a browser came back from. Each is taken once, on whichever node; kept for as long as its cookie could come again.
CREATE TABLE wazapp.provider_answer (
  flow_id    uuid PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX provider_answer_expires ON wazapp.provider_answer (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.provider_account, wazapp.provider_answer TO wazapp_worker;
