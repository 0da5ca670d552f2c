-- Orders for wrk. In the environment: PLACE_TOKENS and PLACE_OFFERS, separated by blanks, and PLACE_RUN, another each run.
local function words(name)
   local found = {}
   for word in os.getenv(name):gmatch("%S+") do found[#found + 1] = word end
   return found
end

local threads = 0
function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

function init(args)
   tokens, offers, turn = words("PLACE_TOKENS"), words("PLACE_OFFERS"), number * 7
   run = os.getenv("PLACE_RUN") .. "-" .. number .. "-"
   headers = { ["Content-Type"] = "application/json" }
end

function request()
   turn = turn + 1
   local key = run .. turn
   headers["Authorization"] = "Bearer " .. tokens[turn % #tokens + 1]
   headers["Idempotency-Key"] = key
   local body = '{"offer":"' .. offers[turn % #offers + 1] .. '","quantity":1,"purpose":"Measuring.","client_reference":"'
   return wrk.format("POST", "/api/v1/orders", headers, body .. key .. '"}')
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format(
      '\n{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\n',
      summary.requests, summary.duration / 1e6, failed, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
