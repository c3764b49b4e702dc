-- What people did to players, games and movements through the operator's API. The money path
-- touches none of these tables.

-- One row for each call that changes something, written before it is done: a node that dies in
-- between leaves a row that says `asked`, never a change that nobody asked for.
CREATE TABLE operator_audit (
    -- UUIDv7, so the list is in order of time.
    audit_id        UUID PRIMARY KEY,
    at              TIMESTAMPTZ NOT NULL,
    -- The name of the operator key.
    key_name        TEXT NOT NULL,
    -- The person behind the key, where the call names one.
    author          TEXT,
    reason          TEXT,
    action          TEXT COLLATE "C" NOT NULL,
    player_id       TEXT COLLATE "C",
    provider        TEXT COLLATE "C",
    -- The game, or the movement's key.
    subject         TEXT,
    idempotency_key TEXT,
    outcome         TEXT COLLATE "C" NOT NULL,
    -- Of a movement of money or of a parked one.
    transaction_id  UUID,
    -- JSON.
    before_state    TEXT,
    after_state     TEXT
);
CREATE INDEX operator_audit_player ON operator_audit (player_id, audit_id);

-- Calls that came under a key which says something else: nothing moved, and the ledger has no
-- room for them. Written behind the reply, as many as there is time for.
CREATE TABLE ledger_mismatch (
    mismatch_id      UUID PRIMARY KEY, -- UUIDv7
    provider         TEXT COLLATE "C" NOT NULL,
    tx_id            TEXT COLLATE "C" NOT NULL,
    player_id        TEXT COLLATE "C" NOT NULL,
    round_id         TEXT COLLATE "C",
    game_id          TEXT COLLATE "C",
    kind             TEXT COLLATE "C" NOT NULL,
    category         TEXT COLLATE "C" NOT NULL,
    requested_micros BIGINT NOT NULL,
    -- The row that has the key.
    transaction_id   UUID NOT NULL,
    at               TIMESTAMPTZ NOT NULL
);
CREATE INDEX ledger_mismatch_player ON ledger_mismatch (player_id, mismatch_id);
