-- Apps beside the default one have lanes of their own (model/src/inbound.rs): whoever owns an App can sign whatever they
-- like, also bodies that name other Apps' numbers, and must not stand in front of others with them.
INSERT INTO wazapp.lane SELECT generate_series(32, 159);
