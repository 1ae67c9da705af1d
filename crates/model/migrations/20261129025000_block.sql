-- Since when a contact is blocked on a number, as people had Meta do it from here.
ALTER TABLE wazapp.conversation ADD COLUMN blocked_at timestamptz;
GRANT UPDATE (blocked_at) ON wazapp.conversation TO wazapp_web;
