-- What is queued can be given another time by whoever may send.
GRANT UPDATE (due_at, send_at) ON wazapp.outbox TO wazapp_web;
