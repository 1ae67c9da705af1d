-- Which message this one says once more; one says it, however often and from wherever that is asked for.
ALTER TABLE wazapp.message ADD COLUMN repeats uuid;
CREATE UNIQUE INDEX message_repeats ON wazapp.message (organization_id, repeats) WHERE repeats IS NOT NULL;
