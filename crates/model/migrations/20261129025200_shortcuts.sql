-- Whether keys alone do something on pages; whoever dictates, or types by other means, turns them off.
ALTER TABLE wazapp."user" ADD COLUMN shortcuts boolean NOT NULL DEFAULT true;
GRANT SELECT (shortcuts) ON wazapp."user" TO wazapp_web;
