-- Claims commands: for each, takes the key unless somebody has it.
-- KEYS: the claims. ARGV: their lifetime in ms; then for each the token of its attempt.
-- Answers the places of those that were there before, which is none of them as a rule. One's own token
-- is no repeat: the client may send a claim twice. What is there and is no text was there, too.
local seen = {}
for i = 1, #KEYS do
  local there = redis.pcall('SET', KEYS[i], ARGV[i + 1], 'NX', 'GET', 'PX', ARGV[1])
  if type(there) == 'table' and not string.find(there.err, 'WRONGTYPE', 1, true) then
    return there
  end
  if there and there ~= ARGV[i + 1] then
    seen[#seen + 1] = i
  end
end
return seen
