-- Where an edit's file stands with a message: what Meta said of the message's own file (empty: it has none, or no hash). So
-- edits that only repeat it are known from those that bring another one, whatever came first.
ALTER TABLE wazapp.media ADD COLUMN own_sha256 text;
