-- Puts a player's balance in place of one that was judged to be wrong, unless something else
-- stands there by now.
-- KEYS: the player's balance. ARGV: what was found, the right value, its lifetime in ms.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
