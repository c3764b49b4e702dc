-- Whose the operator's issues of free rounds are, where the provider's calls need not say it. The
-- money path looks at neither table: only calls about an issue do.

CREATE TABLE free_round_issue (
    provider   TEXT COLLATE "C" NOT NULL,
    issue_id   TEXT COLLATE "C" NOT NULL,
    -- One id may be used for several players.
    player_id  TEXT COLLATE "C" NOT NULL,
    -- By the operator; otherwise a call of the provider's named the player.
    told       BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, issue_id, player_id)
);

-- What issues came to of which nobody has said yet whose they are. A row goes once it is booked.
CREATE TABLE free_round_result (
    provider   TEXT COLLATE "C" NOT NULL,
    issue_id   TEXT COLLATE "C" NOT NULL,
    -- As far as the call said: the empty text for nobody.
    player_id  TEXT COLLATE "C" NOT NULL,
    currency   TEXT COLLATE "C",
    status     TEXT NOT NULL,
    -- Of the currency's smallest unit, which may be more than 64 bits hold.
    units      TEXT COLLATE "C" NOT NULL CHECK (units ~ '^[0-9]{1,39}$'),
    -- How often it came.
    calls      BIGINT NOT NULL DEFAULT 1,
    first_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- When somebody last tried to book it.
    tried_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, issue_id, player_id)
);
CREATE INDEX free_round_result_tried ON free_round_result (tried_at);
