-- Takes a node out of the backend `nodes` for a while when half of what it answers is a failure of its own, as far as
-- half of the nodes stay. A 503 is none: a node says so of what all of them share, or of too much load. What it is
-- answering already is let finish. The health checks see nothing wrong with such a node.
--
-- What waits for a node that hangs is cut, so that reads go to another: a node that drains or stops refuses its checks,
-- and goes on with what it has; one that hangs lets them time out.

local FAILURES = 10
local SECONDS = {seconds}
local seen, ejected = {}, {}

local function now()
    local time = core.now()
    return time.sec + time.usec / 1e6
end

local function status(server)
    return server:get_stats()["status"] or ""
end

local function served(server)
    return tonumber(server:get_stats()["lbtot"]) or 0
end

local function in_use(servers)
    local known, up = 0, 0
    for _, server in pairs(servers) do
        local is = status(server)
        if not is:find("MAINT") then
            known = known + 1
            if is:find("^UP") then up = up + 1 end
        end
    end
    return known, up
end

local function hangs(server)
    local stats = server:get_stats()
    return (stats["status"] or ""):find("^DOWN") and (stats["check_status"] or ""):find("L7TOUT")
end

local function cut_what_hangs(servers)
    local _, up = in_use(servers)
    if up == 0 then return end
    for _, server in pairs(servers) do
        if hangs(server) then server:shut_sess() end
    end
end

-- The backend `anyway` is told of the nodes that join and leave by nobody else.
local function follow()
    for name, server in pairs(core.backends["nodes"].servers) do
        local other, address = core.backends["anyway"].servers[name], server:get_addr()
        local host, port = address:match("^%[?(.-)%]?:(%d+)$")
        if host ~= nil and other:get_addr() ~= address then other:set_addr(host, port) end
        local out = status(server):find("MAINT") ~= nil
        if out ~= (status(other):find("MAINT") ~= nil) then
            if out then other:set_maint() else other:set_ready() end
        end
    end
end

core.register_task(function()
    while true do
        core.msleep(250)
        follow()
        cut_what_hangs(core.backends["nodes"].servers)
        for name, back in pairs(ejected) do
            if now() >= back then
                ejected[name] = nil
                local server = core.backends["nodes"].servers[name]
                -- Whoever has put it into maintenance meanwhile decides.
                if server ~= nil and status(server):find("DRAIN") then server:set_ready() end
            end
        end
    end
end)

core.register_action("eject", { "http-res" }, function(txn)
    local name = txn.sf:srv_name()
    local servers = core.backends["nodes"].servers
    local server = servers[name]
    if server == nil then return end
    local one = seen[name]
    if one == nil then
        one = { failures = 0, before = math.max(0, served(server) - 1) }
        seen[name] = one
    end
    one.failures = one.failures + 1
    if one.failures < FAILURES then return end
    local failing = 2 * one.failures >= served(server) - one.before
    seen[name] = { failures = 0, before = served(server) }
    local known, up = in_use(servers)
    if failing and 2 * (up - 1) >= known and status(server):find("^UP") then
        ejected[name] = now() + SECONDS
        server:set_drain()
    end
end)
