-- A claim is looked up by its number whenever that is looked at, and goes with it.
CREATE INDEX number_claim_number ON wazapp.number_claim (organization_id, number_id);
