-- The token that took a session's place, by its hash; empty where it was ended and none did. NULL while
-- the session is open to its end. Such a row opens nothing, and stays until its time is over all the
-- same: so it is known whose it was, and that it is over.
ALTER TABLE session ADD COLUMN replaced_by BYTEA;
