-- The debit that a credit names, where its provider does. NULL for all other rows, which costs them
-- nothing; the program before this one leaves it NULL.
ALTER TABLE trx_log ADD COLUMN settles TEXT COLLATE "C";
