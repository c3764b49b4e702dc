-- What was done under a key that somebody tells of: few deeds have one, among very many that
-- programs do to players and games.
CREATE INDEX operator_audit_key ON operator_audit (idempotency_key, audit_id)
    WHERE idempotency_key IS NOT NULL;
