-- What hangs on a conversation is seen with it, as before, by functions of their own. A policy that says so itself is planned with
-- every statement, together with those of all tables that it names: 10 ms for one that reads a few rows, also for whoever sees
-- everything. Whose functions these are plan them once.

CREATE FUNCTION wazapp.sees_conversation(organization uuid, conversation uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN EXISTS (SELECT FROM wazapp.conversation v WHERE v.organization_id = organization AND v.id = conversation);
END $$;

CREATE FUNCTION wazapp.sees_group(organization uuid, number uuid, named text) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN EXISTS (SELECT FROM wazapp.conversation v WHERE v.organization_id = organization AND v.contact_id IS NULL
    AND v.group_id = named AND v.number_id = number);
END $$;

CREATE FUNCTION wazapp.sees_message(organization uuid, message uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = organization AND m.id = message);
END $$;

CREATE FUNCTION wazapp.sees_wamid(organization uuid, number uuid, named text) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = organization AND m.number_id = number
    AND m.wamid = named);
END $$;

-- Whoever writes in a group alone has no conversation of their own.
CREATE FUNCTION wazapp.sees_contact(organization uuid, contact uuid) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN EXISTS (SELECT FROM wazapp.conversation v WHERE v.organization_id = organization AND v.contact_id = contact)
    OR EXISTS (SELECT FROM wazapp.message m WHERE m.organization_id = organization AND m.contact_id = contact);
END $$;

-- What tells of none of these tells of the whole organization.
CREATE FUNCTION wazapp.sees_event(organization uuid, type text, subject uuid, data json) RETURNS boolean
  LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN CASE
    WHEN starts_with(type, 'message.') THEN wazapp.sees_message(organization, subject)
    WHEN starts_with(type, 'conversation.') THEN wazapp.sees_conversation(organization, subject)
    WHEN starts_with(type, 'contact.') THEN wazapp.sees_contact(organization, subject)
    WHEN type = 'number.updated' THEN EXISTS (SELECT FROM wazapp.number n WHERE n.organization_id = organization
      AND n.id::text = coalesce(subject::text, data ->> 'number_id', data ->> 'id'))
    ELSE type = 'template.updated' END;
END $$;

REVOKE EXECUTE ON FUNCTION wazapp.sees_conversation, wazapp.sees_group, wazapp.sees_message, wazapp.sees_wamid,
  wazapp.sees_contact, wazapp.sees_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wazapp.sees_conversation, wazapp.sees_group, wazapp.sees_message, wazapp.sees_wamid,
  wazapp.sees_contact, wazapp.sees_event TO wazapp_web;

DO $$
DECLARE
  unlimited text := $e$coalesce((SELECT current_setting('app.viewer_id', true)), '') = ''$e$;
  policy record;
BEGIN
  FOR policy IN
    SELECT * FROM (VALUES
      ('message', 'wazapp.sees_conversation(organization_id, conversation_id)'),
      ('outbox', 'wazapp.sees_conversation(organization_id, conversation_id)'),
      ('receipt', 'wazapp.sees_conversation(organization_id, conversation_id)'),
      ('draft', 'wazapp.sees_conversation(organization_id, conversation_id)'),
      ('presence', 'wazapp.sees_conversation(organization_id, conversation_id)'),
      ('seen', 'wazapp.sees_conversation(organization_id, conversation_id)'),
      ('conversation_merge', 'wazapp.sees_conversation(organization_id, survivor_id)'),
      ('conversation_group', 'wazapp.sees_group(organization_id, number_id, group_id)'),
      ('message_version', 'wazapp.sees_message(organization_id, message_id)'),
      ('media', $e$CASE WHEN message_id IS NULL
         THEN uploaded_by = (SELECT nullif(current_setting('app.viewer_id', true), '')::uuid)
         ELSE wazapp.sees_message(organization_id, message_id) END$e$),
      ('reaction', 'wazapp.sees_wamid(organization_id, number_id, target_wamid)'),
      ('status', 'wazapp.sees_wamid(organization_id, number_id, wamid)'),
      ('contact', 'wazapp.sees_contact(organization_id, id)'),
      ('contact_identity', 'wazapp.sees_contact(organization_id, contact_id)'),
      ('contact_identity_past', 'wazapp.sees_contact(organization_id, contact_id)'),
      ('contact_merge', 'wazapp.sees_contact(organization_id, survivor_id)'),
      ('event', 'wazapp.sees_event(organization_id, type, subject_id, data)')) AS listed (tenant, shows)
  LOOP
    EXECUTE format('ALTER POLICY within_sight ON wazapp.%I USING (%s OR %s)', policy.tenant, unlimited, policy.shows);
  END LOOP;
END $$;
