-- What is sent where the service window is closed, and what is sent where it is open: one of the two is the message, the other one
-- waits here with when it is the right one, for the window may be another until the message leaves. NULL: it has one content.
ALTER TABLE wazapp.outbox ADD COLUMN alternative json;
