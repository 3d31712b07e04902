import {
  concurrencyRetryMillis,
  dayMillis,
  leaseMillis,
  requestResolution,
  tokenResolution,
  windowMillis
} from "./Spans.ts"

/**
 * The decisions of `RedisStore.ts` in Lua: each runs atomically inside Redis, in one round trip, by Redis' own clock.
 * `MemoryStore.ts` decides the same in TypeScript, and one test suite holds both to it.
 *
 * What a subject has used lies in four keys, which share a hash tag and so a slot of a cluster:
 *
 * | key | kind | holds |
 * |---|---|---|
 * | `requests` | list | admissions of the last 60 s, oldest first: time of the first, time of the last, sum |
 * | `tokens` | list | tokens of the last 60 s, alike |
 * | `counters` | hash | `r`, `t`: sums of the two lists; `d`, `dr`, `dt`: the UTC day and its requests and tokens |
 * | `leases` | sorted set | running requests by the time at which their lease ends |
 *
 * Every key has an expiry, so nothing is left of a subject that nobody asks for. A list may outlive its sum or the
 * other way round (eviction, expiry): an empty list sums to 0, and a lost sum is added up again.
 *
 * One call takes any number of questions, of any number of subjects, and answers them one after the other: what it is asked for
 * costs less than the asking. KEYS: the four of the table for each subject. ARGV: the test clock's time in milliseconds (empty:
 * Redis' own), and then the questions, each a text with commas that begins with its subject's number, from 0:
 *
 * - `N,reserve,` estimated tokens, rpm, rpd, tpm, tpd, concurrency (0: no such limit), the latest time at which the caller
 *   still listens (0: whenever), request id. Answers a flat array of integers: outcome and now; of a refusal the index
 *   of the reason, limit, remaining and wait; then remaining and reset (milliseconds) of each of rpm, rpd, tpm and tpd that holds.
 * - `N,settle,` `now` of the reservation's answer, tokens used beyond the estimate (negative: fewer) by the minute and by the
 *   day, 0 where the reservation had no such limit, request id (empty: it held no lease). What has left its window or its
 *   day is not touched; no sum falls below 0.
 * - `N,look,` as `reserve`, and answers the same, but counts nothing.
 * - `N,renew,` request id. A lease that was lost with Redis' memory is made anew: its request does run.
 *
 * A question that cannot be answered, since somebody else has written to one of its subject's keys, has an error for its answer; the
 * others have theirs.
 *
 * One script, not three: whoever was admitted has found it loaded, so settlements and renewals reach Redis in the order of
 * sending.
 */

/** What `reserve` answers first. */
export const outcome = { refused: 0, admitted: 1, late: 2 } as const

/** Indexed by the answer's third number. */
export const reasons = [
  "requests_per_minute",
  "requests_per_day",
  "tokens_per_minute",
  "tokens_per_day",
  "concurrency"
] as const

export const limiterScript = `
local requests, tokens, counters, leases

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Three numbers, packed: text would cost more to read than all else that is done here.
local function parse(entry)
  return struct.unpack('>ddd', entry)
end

local function format(first, last, amount)
  return struct.pack('>ddd', first, last, amount)
end

-- A clock that was set back finds entries in its future. They did happen before now, so now is the latest they can have
-- happened.
local function heedClock(log)
  local index = -1
  while true do
    local entry = redis.call('LINDEX', log, index)
    if not entry then return end
    local first, last, amount = parse(entry)
    if last <= now then return end
    redis.call('LSET', log, index, format(math.min(first, now), now, amount))
    index = index - 1
  end
end

local function sumUp(log)
  local sum = 0
  for _, entry in ipairs(redis.call('LRANGE', log, 0, -1)) do
    local _, _, amount = parse(entry)
    sum = sum + amount
  end
  return sum
end

-- Forgets what has left the window, and reads what is left: its sum, its newest and its oldest entry.
local function open(log, knownSum)
  local newest = redis.call('LINDEX', log, -1)
  if not newest then return {sum = 0} end
  local first, last, amount = parse(newest)
  if last + ${windowMillis} <= now then
    redis.call('DEL', log)
    return {sum = 0}
  end
  if last > now then
    heedClock(log)
    first, last = math.min(first, now), now
  end
  local sum = tonumber(knownSum) or sumUp(log)
  while true do
    local _, oldest, itsAmount = parse(redis.call('LINDEX', log, 0))
    if oldest + ${windowMillis} > now then
      return {sum = sum, first = first, last = last, amount = amount, oldest = oldest, oldestAmount = itsAmount}
    end
    redis.call('LPOP', log)
    sum = sum - itsAmount
  end
end

-- Milliseconds until the sum is at most 'room', if nothing is added.
local function waitFor(log, state, room)
  local sum = state.sum - state.oldestAmount
  if sum <= room then return state.oldest + ${windowMillis} - now end
  for _, entry in ipairs(redis.call('LRANGE', log, 1, -1)) do
    local _, last, amount = parse(entry)
    sum = sum - amount
    if sum <= room then return last + ${windowMillis} - now end
  end
  return 0
end

local function add(log, state, amount, exactEntries, coarseMillis)
  local age = state.first and now - state.first or coarseMillis
  if age < 1 or (age < coarseMillis and redis.call('LLEN', log) >= exactEntries) then
    redis.call('LSET', log, -1, format(state.first, now, state.amount + amount))
  else
    redis.call('RPUSH', log, format(now, now, amount))
  end
  redis.call('PEXPIRE', log, '${windowMillis + 1000}')
  state.sum, state.last = state.sum + amount, now
end

local function reserve(words, isLook)
  local estimate, rpm, rpd, tpm, tpd, concurrency, listens, id =
    string.match(words, '^([^,]*),([^,]*),([^,]*),([^,]*),([^,]*),([^,]*),([^,]*),(.*)$')
  estimate, concurrency, listens = tonumber(estimate), tonumber(concurrency), tonumber(listens)
  rpm, rpd, tpm, tpd = tonumber(rpm), tonumber(rpd), tonumber(tpm), tonumber(tpd)

  -- A command that lay in the queue of a stopped server must not count: its caller was answered by other means.
  if listens > 0 and now > listens then return {${outcome.late}, now} end

  local known = redis.call('HMGET', counters, 'r', 't', 'd', 'dr', 'dt')
  local today = math.floor(now / ${dayMillis})
  local untilMidnight = ${dayMillis} - now % ${dayMillis}
  local minuteRequests = rpm > 0 and open(requests, known[1]) or {sum = 0}
  local minuteTokens = tpm > 0 and open(tokens, known[2]) or {sum = 0}
  local dayRequests, dayTokens = 0, 0
  if tonumber(known[3]) == today then
    dayRequests, dayTokens = tonumber(known[4]), tonumber(known[5])
  end

  local refused, limit, used, wait = -1, 0, 0, -1
  local function refuse(reason, itsLimit, itsUse, itsWait)
    if itsWait > wait then refused, limit, used, wait = reason, itsLimit, itsUse, itsWait end
  end

  if rpm > 0 and minuteRequests.sum + 1 > rpm then
    refuse(0, rpm, minuteRequests.sum, waitFor(requests, minuteRequests, rpm - 1))
  end
  if rpd > 0 and dayRequests + 1 > rpd then
    refuse(1, rpd, dayRequests, untilMidnight)
  end
  if tpm > 0 and minuteTokens.sum > 0 and minuteTokens.sum + estimate > tpm then
    refuse(2, tpm, minuteTokens.sum, waitFor(tokens, minuteTokens, math.max(0, tpm - estimate)))
  end
  if tpd > 0 and dayTokens > 0 and dayTokens + estimate > tpd then
    refuse(3, tpd, dayTokens, untilMidnight)
  end
  if concurrency > 0 then
    local time = string.format('%.0f', now)
    redis.call('ZREMRANGEBYSCORE', leases, '-inf', time)
    local others = redis.call('ZCARD', leases)
    if others >= concurrency and redis.call('ZSCORE', leases, id) then others = others - 1 end
    if others >= concurrency then refuse(4, concurrency, others, ${concurrencyRetryMillis}) end
  end

  if refused < 0 and not isLook then
    if rpm > 0 then
      add(requests, minuteRequests, 1, ${requestResolution.exactEntries}, ${requestResolution.coarseMillis})
    end
    if tpm > 0 and estimate > 0 then
      add(tokens, minuteTokens, estimate, ${tokenResolution.exactEntries}, ${tokenResolution.coarseMillis})
    end
    if rpd > 0 then dayRequests = dayRequests + 1 end
    if tpd > 0 then dayTokens = dayTokens + estimate end
    if concurrency > 0 then
      redis.call('ZADD', leases, string.format('%.0f', now + ${leaseMillis}), id)
      redis.call('PEXPIRE', leases, '${leaseMillis + 1000}')
    end
  end

  -- A limit that does not hold now may hold for the next call: what it counted until then stays.
  local changed = {}
  local function keep(field, value, before)
    if value == tonumber(before) then return end
    changed[#changed + 1] = field
    changed[#changed + 1] = string.format('%.0f', value)
  end
  if rpm > 0 then keep('r', minuteRequests.sum, known[1]) end
  if tpm > 0 then keep('t', minuteTokens.sum, known[2]) end
  if rpd > 0 or tpd > 0 then
    keep('d', today, known[3])
    keep('dr', dayRequests, known[4])
    keep('dt', dayTokens, known[5])
  end
  if #changed > 0 then
    redis.call('HSET', counters, unpack(changed))
    local life = ${windowMillis + 1000}
    if dayRequests > 0 or dayTokens > 0 then life = math.max(life, untilMidnight + 1000) end
    redis.call('PEXPIRE', counters, string.format('%.0f', life))
  end

  local answer = {${outcome.admitted}, now}
  if refused >= 0 then
    answer = {${outcome.refused}, now, refused, limit, math.max(0, limit - used), wait}
  end
  local function window(itsLimit, itsUse, reset)
    if itsLimit == 0 then return end
    answer[#answer + 1] = math.max(0, itsLimit - itsUse)
    answer[#answer + 1] = itsUse == 0 and 0 or reset
  end
  window(rpm, minuteRequests.sum, (minuteRequests.last or 0) + ${windowMillis} - now)
  window(rpd, dayRequests, untilMidnight)
  window(tpm, minuteTokens.sum, (minuteTokens.last or 0) + ${windowMillis} - now)
  window(tpd, dayTokens, untilMidnight)
  return answer
end

local function settle(words)
  local at, minuteMore, dayMore, id = string.match(words, '^([^,]*),([^,]*),([^,]*),(.*)$')
  at, minuteMore, dayMore = tonumber(at), tonumber(minuteMore), tonumber(dayMore)
  if id ~= '' then redis.call('ZREM', leases, id) end

  local entries = minuteMore ~= 0 and redis.call('LRANGE', tokens, 0, -1) or {}
  for index = #entries, 1, -1 do
    local first, last, amount = parse(entries[index])
    if first <= at then
      local corrected = math.max(0, amount + minuteMore)
      redis.call('LSET', tokens, index - 1, format(first, last, corrected))
      local sum = redis.call('HGET', counters, 't')
      if sum then redis.call('HSET', counters, 't', string.format('%.0f', sum + corrected - amount)) end
      break
    end
  end

  if dayMore ~= 0 then
    local day = redis.call('HMGET', counters, 'd', 'dt')
    if day[2] and tonumber(day[1]) == math.floor(at / ${dayMillis}) then
      redis.call('HSET', counters, 'dt', string.format('%.0f', math.max(0, day[2] + dayMore)))
    end
  end
end

local function renew(id)
  redis.call('ZADD', leases, now + ${leaseMillis}, id)
  redis.call('PEXPIRE', leases, ${leaseMillis + 1000})
end

local function answerTo(operation, words)
  if operation == 'reserve' then return reserve(words, false) end
  if operation == 'look' then return reserve(words, true) end
  if operation == 'settle' then settle(words) else renew(words) end
  return {}
end

local answers = {}
for index = 2, #ARGV do
  local subject, operation, words = string.match(ARGV[index], '^(%d+),(%a+),(.*)$')
  local before = subject * 4
  requests, tokens, counters, leases = KEYS[before + 1], KEYS[before + 2], KEYS[before + 3], KEYS[before + 4]
  local isAnswered, answer = pcall(answerTo, operation, words)
  if not isAnswered then
    local reason = type(answer) == 'table' and answer.err or tostring(answer)
    -- Of the server, not of the subject: the connection must hear that it leads to a replica.
    if string.find(reason, 'READONLY', 1, true) then return redis.error_reply(reason) end
    answer = redis.error_reply(reason)
  end
  answers[index - 1] = answer
end
return answers
`
