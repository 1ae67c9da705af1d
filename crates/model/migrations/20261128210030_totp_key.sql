-- A sealed seed names its key, as every sealed value does.
ALTER TABLE wazapp."user" ADD COLUMN totp_key bytea GENERATED ALWAYS AS (substring(totp FROM 1 FOR 4)) STORED;
ALTER TABLE wazapp."user"
  ADD CONSTRAINT user_totp_key FOREIGN KEY (totp_key) REFERENCES wazapp.sealing_key (key_id);
