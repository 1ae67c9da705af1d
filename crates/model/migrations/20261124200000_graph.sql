-- What a send is answered with where its caller waits for Meta, and the word that it wants back with every status.

ALTER TABLE wazapp.message
  ADD COLUMN callback_data text, -- the sender's own; Meta gets our id in its place
  ADD COLUMN acceptance    json; -- {wa_id, user_id, message_status}, as Meta said when it took the message
