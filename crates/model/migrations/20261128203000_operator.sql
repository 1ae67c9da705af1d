-- Whoever runs the server looks into an organization only for a while, and is seen doing so.
ALTER TABLE wazapp.membership ADD COLUMN ends_at timestamptz;
CREATE INDEX membership_ends ON wazapp.membership (ends_at) WHERE ends_at IS NOT NULL;
