-- Searching contacts by an index, organization first: a part of a name among 200,000 must not be a walk over all of them.
-- Both extensions come with PostgreSQL and are trusted: an owner that may create in the database may add them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Text as it is searched: without case and accents.
CREATE FUNCTION wazapp.searchable(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN regexp_replace(normalize(lower(given), NFD), '[\u0300-\u036f]', '', 'g');

-- All that a contact is found by.
CREATE FUNCTION wazapp.contact_text(own_name text, book_name text, profile_name text, wa_id text, user_id text, username text)
  RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN wazapp.searchable(coalesce(own_name, '') || ' ' || coalesce(book_name, '') || ' ' || coalesce(profile_name, '')
    || ' ' || coalesce(wa_id, '') || ' ' || coalesce(user_id, '') || ' ' || coalesce(username, ''));

-- Whoever writes a contact writes the index, which calls them.
REVOKE ALL ON FUNCTION wazapp.searchable, wazapp.contact_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wazapp.searchable, wazapp.contact_text TO wazapp_web, wazapp_worker;

-- An administrator may have put the extension into any schema.
DO $$
DECLARE place text;
BEGIN
  SELECT n.nspname INTO STRICT place FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
  WHERE e.extname = 'pg_trgm';
  EXECUTE format(
    'CREATE INDEX contact_search ON wazapp.contact USING gin (organization_id,
       wazapp.contact_text(own_name, book_name, profile_name, wa_id, user_id, username) %I.gin_trgm_ops)
     -- What was written last is searched one by one: keep it short.
     WITH (gin_pending_list_limit = 256)', place);
END $$;

-- Groups have no contact; they are few.
CREATE INDEX conversation_group ON wazapp.conversation (organization_id, id) WHERE group_id IS NOT NULL;
