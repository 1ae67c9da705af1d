-- What waits for an answer and is somebody's, or nobody's: few of many, be it that all others are somebody else's, or that
-- somebody has closed thousands.
CREATE INDEX conversation_active_assignee ON wazapp.conversation (organization_id, assignee_id, last_message_at DESC, id DESC)
  WHERE state = 'active' AND assignee_id IS NOT NULL;
CREATE INDEX conversation_active_nobodys ON wazapp.conversation (organization_id, last_message_at DESC, id DESC)
  WHERE state = 'active' AND assignee_id IS NULL;
