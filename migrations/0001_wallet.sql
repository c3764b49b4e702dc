-- The wallet, its ledger, and what a decision about money reads beside them.
-- Ids are compared byte by byte (COLLATE "C"): that is what providers do, and it is faster.

CREATE TABLE wallet (
    player_id        TEXT COLLATE "C" PRIMARY KEY,
    currency         TEXT COLLATE "C" NOT NULL,
    balance_micros   BIGINT NOT NULL DEFAULT 0 CHECK (balance_micros >= 0),
    -- The number of decided trx_log rows of this player.
    version          BIGINT NOT NULL DEFAULT 0,
    status           TEXT COLLATE "C" NOT NULL DEFAULT 'active'
                     CHECK (status IN ('active', 'frozen', 'closed')),
    -- The largest single stake that the player may place; NULL is no limit.
    bet_limit_micros BIGINT CHECK (bet_limit_micros >= 0),
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 70); -- room for HOT updates; no column that changes may be indexed

CREATE TABLE trx_log (
    provider             TEXT COLLATE "C" NOT NULL,
    tx_id                TEXT COLLATE "C" NOT NULL,
    player_id            TEXT COLLATE "C" NOT NULL,
    transaction_id       UUID NOT NULL,
    kind                 TEXT COLLATE "C" NOT NULL,
    category             TEXT COLLATE "C" NOT NULL,
    outcome              TEXT COLLATE "C" NOT NULL,
    reason               TEXT COLLATE "C",
    -- What was asked for and what moved, both signed by their effect on the balance.
    requested_micros     BIGINT NOT NULL,
    amount_micros        BIGINT NOT NULL,
    shortfall_micros     BIGINT NOT NULL DEFAULT 0,
    balance_after_micros BIGINT,
    wallet_version       BIGINT,
    reverses             TEXT COLLATE "C",
    round_id             TEXT COLLATE "C",
    game_id              TEXT COLLATE "C",
    fingerprint          BIGINT NOT NULL,
    detail               TEXT,
    occurred_at          TIMESTAMPTZ,
    created_at           TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (provider, tx_id),
    -- Money moves in applied rows only.
    CHECK (outcome = 'applied' OR amount_micros = 0),
    -- Only a parked row is still outside the player's chain.
    CHECK ((outcome = 'parked') = (wallet_version IS NULL)),
    CHECK ((wallet_version IS NULL) = (balance_after_micros IS NULL))
);

-- The bets of a round (on the path of a result) and a player's listing.
CREATE INDEX trx_log_round ON trx_log (player_id, round_id);
-- Time order over everything (UUIDv7), and the look-up by the operator's own id.
CREATE UNIQUE INDEX trx_log_transaction ON trx_log (transaction_id);
-- One target is reversed once, whatever the reversal is called.
CREATE UNIQUE INDEX trx_log_reversed ON trx_log (provider, player_id, reverses)
    WHERE reverses IS NOT NULL AND outcome = 'applied';
CREATE INDEX trx_log_parked ON trx_log (created_at) WHERE outcome = 'parked';

CREATE TABLE session (
    -- SHA-256 of the token: a copy of the table opens no game.
    token_hash BYTEA PRIMARY KEY,
    player_id  TEXT COLLATE "C" NOT NULL,
    provider   TEXT COLLATE "C" NOT NULL,
    game_id    TEXT COLLATE "C",
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX session_expiry ON session (expires_at);

-- A game that has no row here is open.
CREATE TABLE game (
    provider TEXT COLLATE "C" NOT NULL,
    game_id  TEXT COLLATE "C" NOT NULL,
    enabled  BOOLEAN NOT NULL,
    PRIMARY KEY (provider, game_id)
);
