-- no-transaction
-- The parked reversals of a parked movement. Built beside the traffic; where that is broken off,
-- what is left of it goes when it is tried again.
CREATE INDEX CONCURRENTLY trx_log_parked_reversal ON trx_log (player_id, provider, reverses)
    WHERE outcome = 'parked';
