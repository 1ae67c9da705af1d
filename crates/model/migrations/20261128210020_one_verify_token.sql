-- They stand in app_verify_token.
ALTER TABLE wazapp.app DROP COLUMN verify_token;
