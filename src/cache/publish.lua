-- Writes players' balances unless newer ones are there, and ends claims.
-- KEYS: for each call the player's balance and the claim (or the balance again: no claim).
-- ARGV: the lifetimes in ms of balances and claims; then for each call the version, the
-- balance, and the finished value (empty: the claim is given up).
-- What is there and cannot be read whole is replaced, whatever its type.
for i = 1, #KEYS / 2 do
  local name, claim = KEYS[2 * i - 1], KEYS[2 * i]
  local at = 3 * i
  local there = redis.pcall('GET', name)
  local version = type(there) == 'string'
    and tonumber(string.match(there, '^(%d+)|%-?%d+|%w+|%l+$') or '')
  if not version or version <= tonumber(ARGV[at]) then
    redis.call('SET', name, ARGV[at + 1], 'PX', ARGV[1])
  end
  if claim ~= name then
    if ARGV[at + 2] == '' then
      redis.call('DEL', claim)
    else
      redis.call('SET', claim, ARGV[at + 2], 'PX', ARGV[2])
    end
  end
end
return 1
