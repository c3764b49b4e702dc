-- What the background jobs know: who may run one, what a reconciliation found, and which
-- parked movements are tried again when. The money path touches none of these tables.

-- Who may run a job. The number grows with every change of hands, and every write of a job
-- names it: a leader that slept through the loss of its lease changes nothing any more.
CREATE TABLE job_lease (
    name          TEXT COLLATE "C" PRIMARY KEY,
    holder        TEXT NOT NULL,
    fencing       BIGINT NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    -- While a run is in progress: an idle leader may be asked to stand back, a busy one not.
    running_since TIMESTAMPTZ,
    -- The end of the last run that came to its end.
    ran_at        TIMESTAMPTZ
);

-- One pass over the wallets.
CREATE TABLE reconciliation_run (
    -- UUIDv7, so runs are listed by it.
    run_id         UUID PRIMARY KEY,
    scope          TEXT COLLATE "C" NOT NULL CHECK (scope IN ('window', 'full')),
    state          TEXT COLLATE "C" NOT NULL DEFAULT 'running'
                   CHECK (state IN ('running', 'done', 'failed')),
    holder         TEXT NOT NULL,
    fencing        BIGINT NOT NULL,
    started_at     TIMESTAMPTZ NOT NULL,
    finished_at    TIMESTAMPTZ,
    wallets        BIGINT NOT NULL DEFAULT 0,
    cached         BIGINT NOT NULL DEFAULT 0,
    -- Wallets whose chain was followed through the ledger, and of these from its first row.
    chains         BIGINT NOT NULL DEFAULT 0,
    whole_chains   BIGINT NOT NULL DEFAULT 0,
    findings       BIGINT NOT NULL DEFAULT 0,
    drift_micros   BIGINT NOT NULL DEFAULT 0,
    error          TEXT
);

-- Everything that a pass found to be otherwise than it should be.
CREATE TABLE reconciliation_drift (
    drift_id         UUID PRIMARY KEY, -- UUIDv7
    run_id           UUID NOT NULL,
    player_id        TEXT COLLATE "C" NOT NULL,
    kind             TEXT COLLATE "C" NOT NULL,
    -- What PostgreSQL says: the wallet for a finding in the cache, the ledger for one in the
    -- wallet. And what was found instead; NULL where it could not be read.
    expected_micros  BIGINT,
    found_micros     BIGINT,
    expected_version BIGINT,
    found_version    BIGINT,
    -- The absolute difference.
    drift_micros     BIGINT NOT NULL CHECK (drift_micros >= 0),
    repaired         BOOLEAN NOT NULL,
    detail           TEXT,
    found_at         TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX reconciliation_drift_run ON reconciliation_drift (run_id);
CREATE INDEX reconciliation_drift_player ON reconciliation_drift (player_id, drift_id);

-- How far a player's chain is known to be right: version and balance of its last row that a
-- pass has followed. The next pass goes on from there.
CREATE TABLE reconciliation_mark (
    player_id      TEXT COLLATE "C" PRIMARY KEY,
    version        BIGINT NOT NULL,
    balance_micros BIGINT NOT NULL
);

-- When a parked movement is tried again. A table of its own, because trx_log takes a row with
-- every bet and has no room for what one row in a million needs.
CREATE TABLE parked_movement (
    provider        TEXT COLLATE "C" NOT NULL,
    tx_id           TEXT COLLATE "C" NOT NULL,
    player_id       TEXT COLLATE "C" NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ NOT NULL,
    -- Why the last attempt left it where it is.
    last_reason     TEXT,
    -- Given up: a person has to look. A call of the provider's still decides it.
    dead_at         TIMESTAMPTZ,
    dead_reason     TEXT,
    PRIMARY KEY (player_id, provider, tx_id),
    CHECK ((dead_at IS NULL) = (dead_reason IS NULL))
);
CREATE INDEX parked_movement_due ON parked_movement (next_attempt_at) WHERE dead_at IS NULL;
