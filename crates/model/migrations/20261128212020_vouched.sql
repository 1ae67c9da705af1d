-- Whether somebody whom this server believes said that an account's address is its owner's: whoever runs the server, or the
-- identity provider. An invitation does not: who opens one may be whoever wrote the address into it.
ALTER TABLE wazapp."user" ADD COLUMN vouched boolean NOT NULL DEFAULT false;
