-- The distributed layout: one wallet spread over many PostgreSQL servers by Citus (12 or later).
-- Run once on the coordinator, after `wallet migrate` and before the first player:
--   psql -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION citus' -f deploy/citus/distribute.sql "$DATABASE_URL"
--
-- Everything about a player lies on one server: wallet, ledger, parked movements, marks. A batch
-- of commands still is one statement; where its players lie on several servers it commits in two
-- phases. Nothing of the program changes: its statements name no key that is different here.
--
-- What it costs:
-- * A key is unique for each player, no longer for each provider: a unique index cannot reach
--   over servers. Once a movement is written for a player, it is never written for that player
--   again, here as there. But a provider that uses one transaction id for two players is no
--   longer found out; on one PostgreSQL the second is refused.
-- * An operator's look-up by transaction id, and every listing that names no player, asks all
--   servers. So does a command that is tried alone after two conflicts, because it then looks
--   for its keys under other players, too.
-- * A commit over two servers takes two more round trips, and both servers' disks.
-- * Sessions and games are on every server, so opening a session writes to all of them.
-- * The settings that a lane gives its connection (no sequential scans, plans made once) hold on
--   the coordinator alone. Set them for the role on the workers.

-- One column more at the front of two keys; what was unique everywhere becomes an ordinary index.
ALTER TABLE trx_log DROP CONSTRAINT trx_log_pkey;
ALTER TABLE trx_log ADD PRIMARY KEY (player_id, provider, tx_id);
DROP INDEX trx_log_transaction;
CREATE INDEX trx_log_transaction ON trx_log (transaction_id);

SELECT create_distributed_table('wallet', 'player_id');
SELECT create_distributed_table('trx_log', 'player_id', colocate_with => 'wallet');
SELECT create_distributed_table('parked_movement', 'player_id', colocate_with => 'wallet');
SELECT create_distributed_table('reconciliation_mark', 'player_id', colocate_with => 'wallet');

-- Read with every bet, by keys that are no player: whole on each server.
SELECT create_reference_table('session');
SELECT create_reference_table('game');

-- job_lease, reconciliation_run and reconciliation_drift stay on the coordinator: a few rows.
