-- no-transaction
-- One row of a player for each version: the database itself guards the chain, also against what is
-- done to a wallet by hand, and a player's rows can be read in the order in which they were decided.
-- Built beside the traffic. It fails where a chain is damaged already: mend that, and migrate again.
CREATE UNIQUE INDEX CONCURRENTLY trx_log_version ON trx_log (player_id, wallet_version);
