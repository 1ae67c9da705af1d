-- What stands before a message that somebody writes on a page, so that the customer knows who it is.
ALTER TABLE wazapp.number ADD COLUMN author_line text NOT NULL DEFAULT 'none';
ALTER TABLE wazapp.number ADD CONSTRAINT number_author_line CHECK (author_line IN ('none', 'name', 'first_name'));
GRANT SELECT (author_line) ON wazapp.number TO wazapp_web;
GRANT UPDATE (author_line, updated_at) ON wazapp.number TO wazapp_web;
