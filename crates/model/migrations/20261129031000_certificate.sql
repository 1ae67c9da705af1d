-- HTTPS by certificates that the server gets by itself (ACME, RFC 8555). All of it is the server's own: requests see none of it.

-- Who the server is at an authority.
CREATE TABLE wazapp.acme_account (
  id              uuid PRIMARY KEY,     -- made of the directory
  directory       text NOT NULL,        -- which authority, by the URL of its directory
  email           text,
  credentials     bytea NOT NULL,       -- the account's URL and key, sealed
  credentials_key bytea GENERATED ALWAYS AS (substring(credentials FROM 1 FOR 4)) STORED,
  created_at      timestamptz NOT NULL,
  CONSTRAINT acme_account_credentials_key FOREIGN KEY (credentials_key) REFERENCES wazapp.sealing_key (key_id)
);

-- Which certificates are wanted, and how getting them goes.
CREATE TABLE wazapp.acme_order (
  id             uuid PRIMARY KEY,           -- made of directory and domains
  directory      text NOT NULL,
  domains        text[] NOT NULL,
  attempt        bigint NOT NULL DEFAULT 0,  -- the fence of the node that is at it
  failures       integer NOT NULL DEFAULT 0, -- attempts in a row without a certificate, the one under way among them
  again_at       timestamptz NOT NULL,       -- nobody begins an attempt before
  failed_at      timestamptz,
  failure        text,
  failure_domain text,
  failure_detail text
);

-- What the authority is asking right now; any node answers.
CREATE TABLE wazapp.acme_challenge (
  token             text PRIMARY KEY,
  order_id          uuid NOT NULL CONSTRAINT acme_challenge_order REFERENCES wazapp.acme_order (id) ON DELETE CASCADE,
  domain            text NOT NULL,
  key_authorization text NOT NULL,
  created_at        timestamptz NOT NULL
);
CREATE INDEX acme_challenge_order ON wazapp.acme_challenge (order_id);
CREATE INDEX acme_challenge_domain ON wazapp.acme_challenge (domain);

-- What an order was given last.
CREATE TABLE wazapp.certificate (
  id              uuid PRIMARY KEY CONSTRAINT certificate_order REFERENCES wazapp.acme_order (id) ON DELETE CASCADE,
  chain           text NOT NULL,   -- PEM, the server's own first
  private_key     bytea NOT NULL,  -- PEM, sealed
  private_key_key bytea GENERATED ALWAYS AS (substring(private_key FROM 1 FOR 4)) STORED,
  not_before      timestamptz NOT NULL,
  not_after       timestamptz NOT NULL,
  renew_at        timestamptz NOT NULL,
  issued_at       timestamptz NOT NULL,
  CONSTRAINT certificate_private_key_key FOREIGN KEY (private_key_key) REFERENCES wazapp.sealing_key (key_id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.acme_account, wazapp.acme_order, wazapp.acme_challenge, wazapp.certificate
  TO wazapp_worker;
