--- A state machine that tells listeners what it does.
-- @module turnstile

local class = require("middleclass")
local log = require "turnstile.log"

local M = { _VERSION = "1.2.0" }

local MAX_DEPTH = 16
local unpack = table.unpack or unpack

M.history_size = 32

-- Emitter ------------------------------------------------------------------

local Emitter = class("Emitter")

--- Makes an emitter without listeners.
function Emitter:initialize()
  self.listeners = {}
end

--- Calls a function whenever an event is emitted.
-- @tparam string event
-- @tparam function listener
-- @treturn function takes the listener away again
function Emitter:on(event, listener)
  local list = self.listeners[event] or {}
  self.listeners[event] = list
  list[#list + 1] = listener
  return function()
    for index, other in ipairs(list) do
      if other == listener then
        table.remove(list, index)
        return true
      end
    end
    return false
  end
end

function Emitter:emit(event, ...)
  for _, listener in ipairs(self.listeners[event] or {}) do
    listener(...)
  end
end

Emitter.once = function(self, event, listener)
  local off
  off = self:on(event, function(...)
    off()
    listener(...)
  end)
end

-- Machine ------------------------------------------------------------------

local Machine = class("Machine", Emitter)
M.Machine, M.Emitter = Machine, Emitter

local guards = {
  always = function()
    return true
  end,
  ["not"] = function(guard)
    return function(...)
      return not guard(...)
    end
  end,
}
M.guards = guards

local function check_states(spec)
  assert(type(spec.initial) == "string", "a machine begins in a state")
  assert(spec.states[spec.initial], "the first state is unknown")
end

--- Builds a machine from a table of states.
function M.new(spec)
  check_states(spec)
  local machine = Machine:new()
  machine.spec = spec
  machine.state = spec.initial
  machine.history = {}
  return machine
end

--- Sends an event to the machine, and those that follow from it.
--
-- An event that the state does not know is passed to the parent of the state. Where no state knows it, nothing
-- happens but that "ignored" is emitted. Transitions that lead on by themselves are followed, but not for ever.
function Machine:send(event, ...)
  local args, count = { ... }, select("#", ...)
  local depth = 0
  local pending = { event }
  while #pending > 0 do
    depth = depth + 1
    if depth > MAX_DEPTH then
      error(("the machine goes round in circles in %s"):format(self.state), 2)
    end
    local current = table.remove(pending, 1)
    local name, found = self.state, nil
    while name and not found do
      local state = self.spec.states[name]
      for _, transition in ipairs(state.on and state.on[current] or {}) do
        local guard = transition.guard or guards.always
        if guard(self, unpack(args, 1, count)) then
          found = transition
          break
        end
      end
      name = state.parent
    end
    if not found then
      self:emit("ignored", current, self.state)
      log.debug("%s is not known in %s", current, self.state)
    else
      local from, to = self.state, found.to or self.state
      local leaving, entering = self.spec.states[from], self.spec.states[to]
      if not entering then
        error(("%s leads to %s, which is no state"):format(current, to), 2)
      end
      if from ~= to and leaving.exit then
        leaving.exit(self, current)
      end
      if found.action then
        found.action(self, unpack(args, 1, count))
      end
      self.state = to
      table.insert(self.history, { event = current, from = from, to = to })
      if #self.history > M.history_size then
        table.remove(self.history, 1)
      end
      if from ~= to and entering.enter then
        entering.enter(self, current)
      end
      self:emit("moved", from, to, current)
      if entering.next then
        table.insert(pending, entering.next)
      end
    end
  end
  return self.state
end

function M.Machine.can(self, event)
  local state = self.spec.states[self.state]
  return state.on ~= nil and state.on[event] ~= nil
end

return M
