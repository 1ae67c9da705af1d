-- A claim says since when it holds and what it rests on, and a claim that ended is remembered: what is older than a
-- claim belongs to whoever had the number then.

ALTER TABLE wazapp.number_claim
  ADD COLUMN claimed_at    timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN proof         text NOT NULL DEFAULT 'none'    -- Meta's answers, an operator's word; none: from before
    CHECK (proof IN ('meta', 'operator', 'none')),
  ADD COLUMN other_account text;                           -- which Meta named for the number instead of waba_id

CREATE TABLE wazapp.former_claim (
  organization_id uuid NOT NULL REFERENCES wazapp.organization (id) ON DELETE CASCADE,
  number_id       uuid NOT NULL,
  phone_number_id text NOT NULL,
  app_id          text,                 -- NULL: the default App
  claimed_at      timestamptz NOT NULL,
  ended_at        timestamptz NOT NULL,
  PRIMARY KEY (organization_id, number_id, claimed_at),
  FOREIGN KEY (organization_id, number_id) REFERENCES wazapp.number (organization_id, id) ON DELETE CASCADE
);
-- Of all organizations: who had a number.
CREATE INDEX former_claim_number ON wazapp.former_claim (phone_number_id);

ALTER TABLE wazapp.former_claim ENABLE ROW LEVEL SECURITY;
ALTER TABLE wazapp.former_claim FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON wazapp.former_claim TO wazapp_web
  USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)
  WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
CREATE POLICY any_organization ON wazapp.former_claim TO wazapp_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.former_claim TO wazapp_worker;
GRANT SELECT ON wazapp.former_claim TO wazapp_web;

-- Our id of a number and Meta's belong together: no attempt that has its number, and no claim, names another.
-- What is there already is not looked at.
ALTER TABLE wazapp.number ADD UNIQUE (organization_id, id, phone_number_id);
ALTER TABLE wazapp.connection ADD CONSTRAINT connection_names_its_number
  FOREIGN KEY (organization_id, number_id, phone_number_id)
  REFERENCES wazapp.number (organization_id, id, phone_number_id) ON DELETE CASCADE ON UPDATE CASCADE NOT VALID;
ALTER TABLE wazapp.number_claim ADD CONSTRAINT claim_names_its_number
  FOREIGN KEY (organization_id, number_id, phone_number_id)
  REFERENCES wazapp.number (organization_id, id, phone_number_id) ON DELETE CASCADE
  DEFERRABLE INITIALLY DEFERRED NOT VALID;

-- Who resumes an attempt takes it from whoever still works on it.
GRANT SELECT (fence), UPDATE (fence) ON wazapp.connection TO wazapp_web;

-- What the numbers' rows tell of claims from before. As the worker, because row-level security hides them from their
-- owner.
SET LOCAL ROLE wazapp_worker;
UPDATE wazapp.number_claim c SET claimed_at = n.connected_at
  FROM wazapp.number n WHERE n.organization_id = c.organization_id AND n.id = c.number_id;
INSERT INTO wazapp.former_claim (organization_id, number_id, phone_number_id, app_id, claimed_at, ended_at)
  SELECT organization_id, id, phone_number_id, app_id, connected_at, disconnected_at
  FROM wazapp.number WHERE status = 'disconnected' AND disconnected_at IS NOT NULL;
RESET ROLE;
