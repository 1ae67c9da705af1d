-- What a member, or a key, that is limited sees of an organization: asked where rows are read, in whatever statement. Who is
-- not limited is not named in app.viewer_id, and pays for one look at that setting. Who is named and has no row in `sight`
-- sees nothing. What somebody writes is checked by what they could see before: a row may leave their sight, not come into it.

-- Of an upload that stands in no message: by whom, where that is somebody who is limited.
ALTER TABLE wazapp.media ADD COLUMN uploaded_by uuid;
ALTER TABLE wazapp.media ALTER COLUMN uploaded_by SET DEFAULT nullif(current_setting('app.viewer_id', true), '')::uuid;

-- The viewer's limits, as whoever asks. Looked up once a statement; as functions they cost those who are not limited no
-- planning.
CREATE FUNCTION wazapp.sees() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN (SELECT s.sees FROM wazapp.sight s
    WHERE s.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
      AND s.viewer_id = nullif(current_setting('app.viewer_id', true), '')::uuid);
END $$;

-- NULL: all of them.
CREATE FUNCTION wazapp.seen_numbers() RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN (SELECT s.number_ids FROM wazapp.sight s
    WHERE s.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
      AND s.viewer_id = nullif(current_setting('app.viewer_id', true), '')::uuid);
END $$;

CREATE FUNCTION wazapp.seen_teams() RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN ARRAY(SELECT m.team_id FROM wazapp.team_member m
    WHERE m.organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
      AND m.user_id = nullif(current_setting('app.viewer_id', true), '')::uuid);
END $$;

REVOKE EXECUTE ON FUNCTION wazapp.sees, wazapp.seen_numbers, wazapp.seen_teams FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wazapp.sees, wazapp.seen_numbers, wazapp.seen_teams TO wazapp_web;

DO $$
DECLARE
  unlimited text := $e$coalesce((SELECT current_setting('app.viewer_id', true)), '') = ''$e$;
  viewer text := $e$(SELECT nullif(current_setting('app.viewer_id', true), '')::uuid)$e$;
  of_number text := 'CASE WHEN (SELECT wazapp.seen_numbers()) IS NULL THEN (SELECT wazapp.sees()) IS NOT NULL
    ELSE %I = ANY ((SELECT wazapp.seen_numbers())::uuid[]) END';
  -- The policy of the subject's table says the rest. OFFSET 0: looked up row by row, never all of them at once.
  of_conversation text := 'EXISTS (SELECT FROM wazapp.conversation v
    WHERE v.organization_id = %1$I.organization_id AND v.id = %1$I.%2$I OFFSET 0)';
  of_message text := 'EXISTS (SELECT FROM wazapp.message m
    WHERE m.organization_id = %1$I.organization_id AND m.id = %1$I.%2$I OFFSET 0)';
  of_wamid text := 'EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = %1$I.organization_id
    AND m.number_id = %1$I.number_id AND m.wamid = %1$I.%2$I OFFSET 0)';
  of_contact text := 'EXISTS (SELECT FROM wazapp.contact c
    WHERE c.organization_id = %1$I.organization_id AND c.id = %1$I.%2$I OFFSET 0)';
  policy record;
BEGIN
  FOR policy IN
    SELECT * FROM (VALUES
      ('number', format(of_number, 'id')),
      ('number_pace', format(of_number, 'number_id')),
      ('former_claim', format(of_number, 'number_id')),
      ('upload', format(of_number, 'number_id')),
      ('connection', format(of_number, 'number_id')),
      ('conversation', format(of_number, 'number_id') || format(
        $c$ AND CASE (SELECT wazapp.sees()) WHEN 'all' THEN true WHEN 'own' THEN assignee_id = %1$s
             WHEN 'teams' THEN assignee_id = %1$s OR team_id = ANY ((SELECT wazapp.seen_teams())::uuid[])
             ELSE false END$c$, viewer)),
      ('message', format(of_conversation, 'message', 'conversation_id')),
      ('outbox', format(of_conversation, 'outbox', 'conversation_id')),
      ('receipt', format(of_conversation, 'receipt', 'conversation_id')),
      ('conversation_merge', format(of_conversation, 'conversation_merge', 'survivor_id')),
      ('conversation_group', 'EXISTS (SELECT FROM wazapp.conversation v
         WHERE v.organization_id = conversation_group.organization_id AND v.contact_id IS NULL
           AND v.group_id = conversation_group.group_id AND v.number_id = conversation_group.number_id OFFSET 0)'),
      ('message_version', format(of_message, 'message_version', 'message_id')),
      ('media', format('CASE WHEN message_id IS NULL THEN uploaded_by = %s ELSE %s END',
        viewer, format(of_message, 'media', 'message_id'))),
      ('reaction', format(of_wamid, 'reaction', 'target_wamid')),
      ('status', format(of_wamid, 'status', 'wamid')),
      -- Whoever writes in a group alone has no conversation of their own.
      ('contact', 'EXISTS (SELECT FROM wazapp.conversation v
           WHERE v.organization_id = contact.organization_id AND v.contact_id = contact.id OFFSET 0)
         OR EXISTS (SELECT FROM wazapp.message m
           WHERE m.organization_id = contact.organization_id AND m.contact_id = contact.id OFFSET 0)'),
      ('contact_identity', format(of_contact, 'contact_identity', 'contact_id')),
      ('contact_identity_past', format(of_contact, 'contact_identity_past', 'contact_id')),
      ('contact_merge', format(of_contact, 'contact_merge', 'survivor_id')),
      -- What tells of none of these tells of the whole organization.
      ('event', format($c$CASE WHEN starts_with(type, 'message.') THEN %s WHEN starts_with(type, 'conversation.') THEN %s
           WHEN starts_with(type, 'contact.') THEN %s
           WHEN type = 'number.updated' THEN EXISTS (SELECT FROM wazapp.number n WHERE n.organization_id = event.organization_id
             AND n.id::text = coalesce(subject_id::text, data ->> 'number_id', data ->> 'id') OFFSET 0)
           ELSE type = 'template.updated' END$c$, format(of_message, 'event', 'subject_id'),
         format(of_conversation, 'event', 'subject_id'), format(of_contact, 'event', 'subject_id'))),
      -- Sums of the whole organization, and names that nobody may have written to.
      ('cost', 'false'),
      ('pair_pace', 'false'),
      ('identity_link', 'false'),
      ('identity_move', 'false'),
      ('identity_spelling', 'false'),
      ('book_entry', 'false')) AS listed (tenant, shows)
  LOOP
    EXECUTE format('CREATE POLICY within_sight ON wazapp.%I AS RESTRICTIVE TO wazapp_web USING (%s OR (%s)) WITH CHECK (true)',
      policy.tenant, unlimited, policy.shows);
  END LOOP;
END $$;
