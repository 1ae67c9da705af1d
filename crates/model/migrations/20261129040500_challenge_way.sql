-- By which way a challenge is answered: http-01 or tls-alpn-01, as the protocol names them. NULL: the version before did not say, so
-- it is answered by either.
ALTER TABLE wazapp.acme_challenge ADD COLUMN way text;
