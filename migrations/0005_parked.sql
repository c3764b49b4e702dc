-- What a parked row needs to be decided later, and by nothing else: when it was parked, by the
-- clock that all nodes share, and the terms of its own command. NULL for all other rows, which
-- costs them nothing; the program before this one leaves both NULL.
ALTER TABLE trx_log
    ADD COLUMN parked_at TIMESTAMPTZ,
    -- JSON; gone once the row is decided.
    ADD COLUMN parked_command TEXT;
