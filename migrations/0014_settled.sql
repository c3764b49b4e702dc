-- no-transaction
-- The credits that name a debit and were paid: whether it is settled is judged by them. No other row
-- is in it, so a bet is not written here, nor a win that names none. That a debit is settled only once
-- is not for an index to say (some providers settle it often, and a settlement that was reversed may
-- be made again): the wallet's version does, which no two of a player's decisions can take.
-- Built beside the traffic; where that is broken off, what is left of it goes when it is tried again.
CREATE INDEX CONCURRENTLY trx_log_settled ON trx_log (player_id, provider, settles)
    WHERE settles IS NOT NULL AND outcome IN ('applied', 'noted');
