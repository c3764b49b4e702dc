-- Marks idempotency keys as in progress, or says what stands there.
-- KEYS: for each call the claim and the player's balance.
-- ARGV: the claims' lifetime in ms; then for each call the token of its attempt.
-- Answers for each call, nil: claimed now. A text: what stands there. A pair: a finished
-- command and the player's balance (or nil), both read at one moment.
local function claim(name, balance_name, token)
  local there = redis.pcall('SET', name, token, 'NX', 'GET', 'PX', ARGV[1])
  if type(there) == 'table' then
    -- A key of another type is unreadable, not an outage.
    if there.err and string.find(there.err, 'WRONGTYPE', 1, true) then return '' end
    return there
  end
  if there == false or string.sub(there, 1, 2) ~= 'd:' then return there end
  local balance = redis.pcall('GET', balance_name)
  if type(balance) ~= 'string' then balance = false end
  return {there, balance}
end
local answers = {}
for i = 1, #KEYS / 2 do
  local answer = claim(KEYS[2 * i - 1], KEYS[2 * i], ARGV[i + 1])
  if type(answer) == 'table' and answer.err then return answer end
  answers[i] = answer
end
return answers
