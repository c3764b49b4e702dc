-- What a person gave up is not tried again when a wallet opens, whatever the reason says.
ALTER TABLE parked_movement ADD COLUMN given_up_by_person BOOLEAN NOT NULL DEFAULT false;
-- Who waits for a wallet that is closed or not there. Built in a moment, and no call waits for it:
-- only the job and what an operator does to parked movements write this table.
CREATE INDEX parked_movement_wallet ON parked_movement (player_id)
    WHERE last_reason IN ('wallet_closed', 'player_unknown');
