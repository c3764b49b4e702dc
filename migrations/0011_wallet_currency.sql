-- no-transaction
-- Which currencies there are, for a node that begins: it warns of those that a provider cannot
-- count. A currency never changes, so no bet writes this. Built beside the traffic; where that is
-- broken off, what is left of it goes when it is tried again.
CREATE INDEX CONCURRENTLY wallet_currency ON wallet (currency);
