-- A database that is moved to another place. Each side has a row of the same id: the one that is left, from where the move begins,
-- and the one that it goes to. No server runs on a place that is left, nor on one that not all has come to.
CREATE TABLE wazapp.relocation (
  id           uuid NOT NULL,
  side         text NOT NULL,
  place        text NOT NULL,   -- the other side, for people
  begun_at     timestamptz NOT NULL,
  ended_at     timestamptz,     -- all is there, and that was seen
  cancelled_at timestamptz,     -- this place is served after all; a next move takes the same id
  CONSTRAINT relocation_pkey PRIMARY KEY (id, side),
  CONSTRAINT relocation_side CHECK (side IN ('from', 'to'))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON wazapp.relocation TO wazapp_worker;
