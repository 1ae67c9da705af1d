-- What is newest by Meta's time, whatever came first; who goes by which name, from when until when; and merges that can be
-- taken back.

-- What a message says of its place beside its content: conversations and contacts can be worked out again from it.
-- NULL in rows from before, and in what is sent from here.
ALTER TABLE wazapp.message
  ADD COLUMN party     json,     -- how the customer was named: {wa_id, user_id, parent_user_id, username, name}
  ADD COLUMN counts    boolean,  -- whether it waits for an answer: unread until read
  ADD COLUMN rendition smallint, -- of several accounts of one message, the one with the greatest shows
  ADD COLUMN referral  json;     -- the ad or post that led here

ALTER TABLE wazapp.conversation
  ADD COLUMN last_message_tie text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN state_at         timestamptz, -- Meta's time of the message that the state follows; NULL: none yet
  ADD COLUMN state_tie        text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN referral_at      timestamptz,
  ADD COLUMN referral_tie     text COLLATE "C" NOT NULL DEFAULT '';
UPDATE wazapp.conversation SET state_at = coalesce(last_message_at, created_at);
UPDATE wazapp.conversation SET referral_at = created_at WHERE referral IS NOT NULL;
GRANT UPDATE (last_message_tie, state_at, state_tie) ON wazapp.conversation TO wazapp_web;

-- Facts of a number each have a time of their own: news of one is no news of the others.
ALTER TABLE wazapp.number ADD COLUMN fact_times jsonb NOT NULL DEFAULT '{}';

ALTER TABLE wazapp.contact ADD COLUMN book_at timestamptz; -- Meta's time of book_name
-- Who wrote what in groups.
CREATE INDEX message_author ON wazapp.message (organization_id, contact_id, timestamp DESC) WHERE contact_id IS NOT NULL;

-- When Meta first named a contact so, as far as we know: the newest of each kind shows.
ALTER TABLE wazapp.contact_identity ADD COLUMN first_at timestamptz;

DO $$
DECLARE tenant text;
BEGIN
  -- Who went by a name until when. After the last such time it is whose contact_identity says.
  CREATE TABLE wazapp.contact_identity_past (
    organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('wa_id', 'user_id', 'parent_user_id', 'username')),
    value           text NOT NULL, -- in the canonical spelling
    until           timestamptz NOT NULL, -- before this time
    contact_id      uuid,          -- NULL: nobody we know
    PRIMARY KEY (organization_id, kind, value, until),
    FOREIGN KEY (organization_id, contact_id) REFERENCES wazapp.contact (organization_id, id) ON DELETE CASCADE
  );
  CREATE INDEX contact_identity_past_contact ON wazapp.contact_identity_past (organization_id, contact_id);

  -- That one event named somebody by both names. In canonical spellings.
  CREATE TABLE wazapp.identity_link (
    organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
    kind            text NOT NULL,
    value           text NOT NULL,
    holder_kind     text NOT NULL,
    holder_value    text NOT NULL,
    realm           text NOT NULL, -- the account it was said in: user ids are of one portfolio
    first_at        timestamptz NOT NULL,
    disputed        boolean NOT NULL DEFAULT false, -- people said that it is not so
    PRIMARY KEY (organization_id, kind, value, holder_kind, holder_value, realm)
  );
  CREATE INDEX identity_link_holder ON wazapp.identity_link (organization_id, holder_kind, holder_value);

  -- That somebody left one name for another.
  CREATE TABLE wazapp.identity_move (
    organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
    kind            text NOT NULL,
    value           text NOT NULL,
    to_kind         text NOT NULL,
    to_value        text NOT NULL,
    at              timestamptz NOT NULL,
    disputed        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id, kind, value, to_kind, to_value, at)
  );
  CREATE INDEX identity_move_to ON wazapp.identity_move (organization_id, to_kind, to_value);

  -- What the address book of a phone last said of a name.
  CREATE TABLE wazapp.book_entry (
    organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
    kind            text NOT NULL,
    value           text NOT NULL,
    name            text, -- NULL: removed, or nameless
    at              timestamptz NOT NULL,
    PRIMARY KEY (organization_id, kind, value)
  );

  -- Contacts that were found to be another one. Not a foreign key: the survivor may vanish in its turn.
  CREATE TABLE wazapp.contact_merge (
    organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
    id              uuid NOT NULL,
    vanished_id     uuid NOT NULL,
    survivor_id     uuid NOT NULL,
    merged_at       timestamptz NOT NULL,
    kept            json, -- what it takes to undo it; NULL once that is past
    undone_at       timestamptz,
    PRIMARY KEY (organization_id, id)
  );
  CREATE INDEX contact_merge_vanished ON wazapp.contact_merge (organization_id, vanished_id) WHERE undone_at IS NULL;
  CREATE INDEX contact_merge_survivor ON wazapp.contact_merge (organization_id, survivor_id) WHERE undone_at IS NULL;

  CREATE TABLE wazapp.conversation_merge (
    organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
    vanished_id     uuid NOT NULL,
    survivor_id     uuid NOT NULL,
    merged_at       timestamptz NOT NULL,
    PRIMARY KEY (organization_id, vanished_id)
  );

  -- What Meta says of groups.
  CREATE TABLE wazapp.conversation_group (
    organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
    number_id       uuid NOT NULL,
    group_id        text NOT NULL,
    subject         text NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (organization_id, number_id, group_id),
    FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id)
  );

  FOREACH tenant IN ARRAY ARRAY['contact_identity_past', 'identity_link', 'identity_move', 'book_entry', 'contact_merge',
    'conversation_merge', 'conversation_group'] LOOP
    EXECUTE format('ALTER TABLE wazapp.%I ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE wazapp.%I FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format($p$CREATE POLICY own_organization ON wazapp.%I TO wazapp_web
      USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
      WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)$p$, tenant);
    EXECUTE format('CREATE POLICY any_organization ON wazapp.%I TO wazapp_worker USING (true) WITH CHECK (true)', tenant);
    EXECUTE format('GRANT SELECT ON wazapp.%I TO wazapp_web', tenant);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.%I TO wazapp_worker', tenant);
  END LOOP;
END $$;
