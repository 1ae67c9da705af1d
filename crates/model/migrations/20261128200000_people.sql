-- People: who they are, where they belong, and what they did.
--
-- A person belongs to no organization, but to themselves: what is theirs carries user_id first in every key, and wazapp_web
-- sees it only of the one person named in app.user_id. Passwords and seeds are the worker's alone.

CREATE TABLE wazapp."user" (
  id           uuid PRIMARY KEY,
  email        text NOT NULL,
  email_key    text NOT NULL, -- in lower case: two spellings are one person
  name         text NOT NULL,
  password     text,          -- argon2id, as a PHC string; NULL: none yet
  is_operator  boolean NOT NULL DEFAULT false,
  language     text NOT NULL,
  zone         text NOT NULL,
  totp         bytea,         -- sealed; NULL: none
  totp_step    bigint,        -- the newest that was used: none opens twice
  second_factor boolean NOT NULL DEFAULT false, -- whether signing in asks for one
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT user_email_key UNIQUE (email_key),
  CONSTRAINT user_language CHECK (language IN ('es', 'en'))
);

CREATE TABLE wazapp.session (
  user_id         uuid NOT NULL,
  id              uuid NOT NULL,
  hash            bytea NOT NULL,
  organization_id uuid,             -- where they are at work; whether they may is asked each time
  proven          boolean NOT NULL, -- false: the second factor is still due
  device          text NOT NULL,
  address         text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  last_used_at    timestamptz NOT NULL DEFAULT now(),
  expires_at      timestamptz NOT NULL,
  PRIMARY KEY (user_id, id),
  CONSTRAINT session_hash UNIQUE (user_id, hash),
  CONSTRAINT session_person FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);
CREATE INDEX session_expires ON wazapp.session (expires_at);

-- By which somebody sets a password: a new account's, or a forgotten one's.
CREATE TABLE wazapp.password_link (
  user_id    uuid NOT NULL,
  hash       bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, hash),
  CONSTRAINT password_link_person FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);

-- Tries to sign in that failed, by account and by address: what they are told to wait grows, on every node.
CREATE TABLE wazapp.sign_in_try (
  subject  bytea PRIMARY KEY, -- a hash: who does not exist leaves no name here
  tries    integer NOT NULL,
  tried_at timestamptz NOT NULL
);
CREATE INDEX sign_in_try_age ON wazapp.sign_in_try (tried_at);

-- Where people belong -------------------------------------------------------------------------------------------

CREATE TABLE wazapp.membership (
  organization_id uuid NOT NULL,
  user_id         uuid NOT NULL,
  role            text NOT NULL,
  last_seen_at    timestamptz,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, user_id),
  CONSTRAINT membership_role CHECK (role IN ('owner', 'admin', 'agent', 'viewer')),
  CONSTRAINT membership_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  CONSTRAINT membership_of_user FOREIGN KEY (user_id) REFERENCES wazapp."user" (id) ON DELETE CASCADE
);
CREATE INDEX membership_person ON wazapp.membership (user_id);

CREATE TABLE wazapp.invitation (
  organization_id uuid NOT NULL,
  id              uuid NOT NULL,
  hash            bytea NOT NULL,
  email           text, -- NULL: whoever has the link
  role            text NOT NULL,
  invited_by      uuid,
  invited_by_name text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  expires_at      timestamptz NOT NULL,
  accepted_at     timestamptz,
  revoked_at      timestamptz,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT invitation_hash UNIQUE (organization_id, hash),
  CONSTRAINT invitation_role CHECK (role IN ('owner', 'admin', 'agent', 'viewer')),
  CONSTRAINT invitation_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE
);

CREATE TABLE wazapp.team (
  organization_id uuid NOT NULL,
  id              uuid NOT NULL,
  name            text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, id),
  CONSTRAINT team_name UNIQUE (organization_id, name),
  CONSTRAINT team_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE
);

CREATE TABLE wazapp.team_member (
  organization_id uuid NOT NULL,
  team_id         uuid NOT NULL,
  user_id         uuid NOT NULL,
  PRIMARY KEY (organization_id, team_id, user_id),
  CONSTRAINT team_member_team FOREIGN KEY (organization_id, team_id)
    REFERENCES wazapp.team (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT team_member_membership FOREIGN KEY (organization_id, user_id)
    REFERENCES wazapp.membership (organization_id, user_id) ON DELETE CASCADE
);
CREATE INDEX team_member_person ON wazapp.team_member (organization_id, user_id);

-- What a member, or a key, is limited to see. Who has no row here and is not named in app.viewer_id sees everything of the
-- organization; who is named and has none sees nothing.
CREATE TABLE wazapp.sight (
  organization_id uuid NOT NULL,
  viewer_id       uuid NOT NULL, -- a user's id, or a key's
  sees            text NOT NULL,
  number_ids      uuid[],        -- NULL: all
  PRIMARY KEY (organization_id, viewer_id),
  CONSTRAINT sight_sees CHECK (sees IN ('all', 'teams', 'own')),
  CONSTRAINT sight_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE
);

-- Who did what. wazapp_web writes here and never changes what stands here.
CREATE TABLE wazapp.audit (
  organization_id uuid NOT NULL,
  id              uuid NOT NULL,
  at              timestamptz NOT NULL,
  actor           text NOT NULL,
  actor_id        uuid,
  actor_name      text NOT NULL,
  address         text,
  act             text NOT NULL,
  subject_id      text,
  subject_name    text,
  before          json,
  after           json,
  PRIMARY KEY (organization_id, id),
  CONSTRAINT audit_actor CHECK (actor IN ('user', 'key', 'operator')),
  CONSTRAINT audit_organization FOREIGN KEY (organization_id) REFERENCES wazapp.organization (id) ON DELETE CASCADE
);

-- The same of what belongs to no organization: accounts, Apps, the master key.
CREATE TABLE wazapp.server_audit (
  id           uuid PRIMARY KEY,
  at           timestamptz NOT NULL,
  actor        text NOT NULL,
  actor_id     uuid,
  actor_name   text NOT NULL,
  address      text,
  act          text NOT NULL,
  subject_id   text,
  subject_name text,
  before       json,
  after        json,
  CONSTRAINT server_audit_actor CHECK (actor IN ('user', 'key', 'operator'))
);

ALTER TABLE wazapp.organization ADD COLUMN second_factor boolean NOT NULL DEFAULT false;
ALTER TABLE wazapp.organization ADD COLUMN suspended_at timestamptz;

ALTER TABLE wazapp.api_key ADD COLUMN scopes text[] NOT NULL DEFAULT '{read,send,manage}';
ALTER TABLE wazapp.api_key ADD COLUMN expires_at timestamptz;
ALTER TABLE wazapp.api_key ADD COLUMN created_by uuid;
ALTER TABLE wazapp.api_key ADD CONSTRAINT api_key_scopes
  CHECK (scopes <@ ARRAY['read', 'send', 'manage'] AND cardinality(scopes) > 0) NOT VALID;

ALTER TABLE wazapp.conversation ADD COLUMN team_id uuid;
CREATE INDEX conversation_assignee ON wazapp.conversation (organization_id, assignee_id, last_message_at DESC, id DESC)
  WHERE assignee_id IS NOT NULL;
CREATE INDEX conversation_team ON wazapp.conversation (organization_id, team_id, last_message_at DESC, id DESC)
  WHERE team_id IS NOT NULL;

-- Row-level security --------------------------------------------------------------------------------------------

DO $$
DECLARE tenant text;
BEGIN
  FOREACH tenant IN ARRAY ARRAY['membership', 'invitation', 'team', 'team_member', 'sight', 'audit'] LOOP
    EXECUTE format('ALTER TABLE wazapp.%I ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE wazapp.%I FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format($p$CREATE POLICY own_organization ON wazapp.%I TO wazapp_web
      USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
      WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)$p$, tenant);
    EXECUTE format('CREATE POLICY any_organization ON wazapp.%I TO wazapp_worker USING (true) WITH CHECK (true)', tenant);
    EXECUTE format('GRANT SELECT ON wazapp.%I TO wazapp_web', tenant);
  END LOOP;
END $$;

ALTER TABLE wazapp.session ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.session FORCE ROW LEVEL SECURITY;
CREATE POLICY own_person ON wazapp.session TO wazapp_web
  USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid)
  WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY any_person ON wazapp.session TO wazapp_worker USING (true) WITH CHECK (true);

-- Themselves, and whoever belongs to the organization at work in.
ALTER TABLE wazapp."user" ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp."user" FORCE ROW LEVEL SECURITY;
CREATE POLICY known_person ON wazapp."user" FOR SELECT TO wazapp_web
  USING (id = nullif(current_setting('app.user_id', true), '')::uuid
         OR EXISTS (SELECT FROM wazapp.membership m WHERE m.user_id = "user".id
                    AND m.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid));
CREATE POLICY any_person ON wazapp."user" TO wazapp_worker USING (true) WITH CHECK (true);

GRANT SELECT (id, email, name, is_operator, language, zone, second_factor, created_at) ON wazapp."user" TO wazapp_web;
GRANT SELECT ON wazapp.session TO wazapp_web;
GRANT UPDATE (last_used_at) ON wazapp.session TO wazapp_web;
GRANT UPDATE (last_seen_at) ON wazapp.membership TO wazapp_web;

-- What those who manage an organization change.
GRANT UPDATE (role) ON wazapp.membership TO wazapp_web;
GRANT DELETE ON wazapp.membership TO wazapp_web;
GRANT INSERT ON wazapp.invitation TO wazapp_web;
GRANT UPDATE (revoked_at) ON wazapp.invitation TO wazapp_web;
GRANT INSERT, DELETE ON wazapp.team TO wazapp_web;
GRANT UPDATE (name) ON wazapp.team TO wazapp_web;
GRANT INSERT, DELETE ON wazapp.team_member TO wazapp_web;
GRANT INSERT, DELETE ON wazapp.sight TO wazapp_web;
GRANT UPDATE (sees, number_ids) ON wazapp.sight TO wazapp_web;
GRANT INSERT ON wazapp.api_key TO wazapp_web;
GRANT UPDATE (revoked_at) ON wazapp.api_key TO wazapp_web;
GRANT INSERT ON wazapp.audit TO wazapp_web;
GRANT UPDATE (team_id) ON wazapp.conversation TO wazapp_web;

GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp."user", wazapp.session, wazapp.password_link, wazapp.sign_in_try,
  wazapp.membership, wazapp.invitation, wazapp.team, wazapp.team_member, wazapp.sight TO wazapp_worker;
GRANT SELECT, INSERT ON wazapp.audit, wazapp.server_audit TO wazapp_worker;
