-- Writes players' balances unless newer ones are there.
-- KEYS: the players' balances. ARGV: their lifetime in ms; then for each the version and the text.
-- Answers for each what is there that is newer, with the time at which it expires, or false: that
-- is no error where another node has published it; it is one where the database has lost what it
-- had committed. Its expiry is moved by a millisecond: whoever saw it before this balance was
-- committed, and takes it for lost, must not replace it with one that is older than this.
-- What is there and cannot be read whole is replaced, whatever its type.
local newer = {}
for i = 1, #KEYS do
  local there = redis.pcall('GET', KEYS[i])
  local version = type(there) == 'string'
    and tonumber(string.match(there, '^(%d+)|%-?%d+|[A-Z0-9]+|%l+$') or '')
  if version and version > tonumber(ARGV[2 * i]) then
    local expires_at = redis.call('PEXPIRETIME', KEYS[i])
    if expires_at < 0 then
      redis.call('PEXPIRE', KEYS[i], ARGV[1])
    else
      redis.call('PEXPIREAT', KEYS[i], expires_at + 1)
    end
    newer[i] = {there, redis.call('PEXPIRETIME', KEYS[i])}
  else
    -- Also the same text again, or within one millisecond, is told from what was seen before it.
    local before = redis.call('PEXPIRETIME', KEYS[i])
    redis.call('SET', KEYS[i], ARGV[2 * i + 1], 'PX', ARGV[1])
    if redis.call('PEXPIRETIME', KEYS[i]) <= before then
      redis.call('PEXPIREAT', KEYS[i], before + 1)
    end
    newer[i] = false
  end
end
return newer
