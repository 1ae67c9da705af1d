-- Since when somebody has a name is said in identity_spelling, and for every spelling.
ALTER TABLE wazapp.contact_identity DROP COLUMN IF EXISTS first_at;
