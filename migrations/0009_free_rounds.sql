-- no-transaction
-- What single free rounds paid, by what the provider said of them: the total that comes after them
-- is held against it. Only rows that paid for a free round are in it, so a bet is not written here.
-- A hash, because what was said may be longer than an index takes. Built beside the traffic; where
-- that is broken off, what is left of it goes when it is tried again.
CREATE INDEX CONCURRENTLY trx_log_free_round ON trx_log (player_id, provider, md5(detail))
    WHERE category = 'free_round' AND kind = 'credit' AND amount_micros > 0;
