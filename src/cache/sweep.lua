-- Removes claims that have no end: each is given one when it is made, so these are not ours any more.
-- All others expire by themselves, and are a hint of a repeat until then.
-- KEYS: claims. Answers how many were removed.
local endless = 0
for _, name in ipairs(KEYS) do
  if redis.call('PTTL', name) == -1 then
    redis.call('DEL', name)
    endless = endless + 1
  end
end
return endless
