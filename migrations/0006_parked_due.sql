-- Which movements of a player are due: a run goes from player to player, so that one with very
-- many does not keep the others waiting.
CREATE INDEX parked_movement_turn ON parked_movement (player_id, next_attempt_at)
    WHERE dead_at IS NULL;
DROP INDEX parked_movement_due;
