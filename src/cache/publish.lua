-- Writes a player's balance unless a newer one is there, and ends a claim.
-- KEYS: the player's balance and, when a command ended, its claim.
-- ARGV: the version, the balance, its lifetime in ms; then for the claim the finished value
-- (empty: give the claim up), its lifetime in ms.
-- What is there and cannot be read whole is replaced, whatever its type.
local there = redis.pcall('GET', KEYS[1])
local version = type(there) == 'string'
  and tonumber(string.match(there, '^(%d+)|%-?%d+|%w+|%l+$') or '')
if not version or version <= tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
if KEYS[2] then
  if ARGV[4] == '' then
    redis.call('DEL', KEYS[2])
  else
    redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5])
  end
end
return 1
