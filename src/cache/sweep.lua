-- Removes claims that nobody is at work on any more.
-- KEYS: claims. ARGV: the least time in ms that a claim in progress must still have to live
-- (one with less was begun longer ago than any call may take).
-- Answers how many were in progress for too long, and how many would have stayed for ever.
local abandoned, immortal = 0, 0
for _, name in ipairs(KEYS) do
  local left = redis.call('PTTL', name)
  if left == -1 then
    redis.call('DEL', name)
    immortal = immortal + 1
  elseif left >= 0 and left < tonumber(ARGV[1]) then
    local there = redis.pcall('GET', name)
    if type(there) == 'string' and string.sub(there, 1, 2) == 'p:' then
      redis.call('DEL', name)
      abandoned = abandoned + 1
    end
  end
end
return {abandoned, immortal}
