-- Marks an idempotency key as in progress, or says what stands there.
-- KEYS: the claim, the player's balance.
-- ARGV: the token of this attempt, the claim's lifetime in ms.
-- Answers nil: claimed now. A text: what stands there. A pair: a finished command and the
-- player's balance (or nil), both read at one moment.
local there = redis.pcall('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', ARGV[2])
if type(there) == 'table' then
  -- A key of another type is unreadable, not an outage.
  if there.err and string.find(there.err, 'WRONGTYPE', 1, true) then return '' end
  return there
end
if there == false or string.sub(there, 1, 2) ~= 'd:' then return there end
local balance = redis.pcall('GET', KEYS[2])
if type(balance) ~= 'string' then balance = false end
return {there, balance}
