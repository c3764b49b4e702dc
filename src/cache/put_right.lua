-- Puts what the database holds in place of a balance that it knows nothing of. Where something else
-- stands there by now, it gives way to a newer version alone, as with any publication.
-- KEYS: the player's balance. ARGV: what was seen and when it expires (that has moved where anything was
-- published since); the version and the text that are right, their lifetime in ms.
-- Answers whether it stands there now.
local there = redis.pcall('GET', KEYS[1])
local is_seen = there == ARGV[1] and redis.call('PEXPIRETIME', KEYS[1]) == tonumber(ARGV[2])
local version = type(there) == 'string'
  and tonumber(string.match(there, '^(%d+)|%-?%d+|[A-Z0-9]+|%l+$') or '')
if not is_seen and version and version > tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
return 1
