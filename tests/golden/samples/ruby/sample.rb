# frozen_string_literal: true

require "json"
require_relative "clock"

# A queue of jobs that are tried again, later and later, until they succeed.
module Conveyor
  VERSION = "0.3.1"

  # Raised where a job was added to a queue that takes no more.
  Closed = Class.new(StandardError)

  # What a job has to say when it ends.
  Outcome = Struct.new(:job, :error, :seconds) do
    def failed? = !error.nil?
  end

  # Waits twice as long after each failure, up to a limit.
  class Backoff
    DEFAULT_BASE = 0.5

    attr_reader :base, :limit

    def initialize(base: DEFAULT_BASE, limit: 60)
      @base = base
      @limit = limit
    end

    # Seconds to wait before the given attempt, counted from one.
    def delay(attempt)
      [base * (2**(attempt - 1)), limit].min
    end
  end

  # One piece of work, and how often it was tried.
  class Job
    include Comparable

    attr_accessor :attempts, :due
    attr_reader :name, :payload

    class << self
      # Rebuild a job from what {#to_json} wrote.
      def parse(text)
        fields = JSON.parse(text, symbolize_names: true)
        new(fields.fetch(:name), **fields.fetch(:payload, {}))
      end
    end

    def initialize(name, **payload)
      @name = name
      @payload = payload
      @attempts = 0
      @due = Clock.now
    end

    def <=>(other)
      due <=> other.due
    end

    def to_json(*args)
      { name: name, payload: payload }.to_json(*args)
    end
    alias dump to_json
  end

  # Runs jobs in the order in which they fall due.
  class Queue
    STATES = %i[open draining closed].freeze

    def self.start(...)
      new(...).tap(&:open!)
    end

    def initialize(backoff: Backoff.new, max_attempts: 5)
      @backoff = backoff
      @max_attempts = max_attempts
      @jobs = []
      @handlers = {}
    end

    STATES.each do |state|
      define_method(:"#{state}?") { @state == state }
    end

    def open!
      @state = :open
    end

    # Name the block that does the work of a kind of job.
    def handle(name, &block)
      @handlers[name] = block
    end

    def push(job)
      raise Closed, "the queue takes no more jobs" unless open?

      @jobs.push(job).sort!
    end
    alias_method :<<, :push

    # Run everything that is due, and return what came of it.
    #
    # Jobs that fail are put back with a later time, until they were tried often enough; then they are
    # handed to the block, if there is one.
    def drain(now: Clock.now)
      outcomes = []
      while (job = @jobs.first) && job.due <= now
        @jobs.shift
        started = Clock.monotonic
        handler = @handlers.fetch(job.name) { raise KeyError, "no handler for #{job.name}" }
        begin
          job.attempts += 1
          handler.call(**job.payload)
          outcomes << Outcome.new(job, nil, Clock.monotonic - started)
        rescue Interrupt, SystemExit
          # The job was cut off through no fault of its own: it does not count as tried.
          job.attempts -= 1
          @jobs.unshift(job)
          raise
        rescue StandardError => error
          outcomes << Outcome.new(job, error, Clock.monotonic - started)
          if job.attempts >= @max_attempts
            yield job, error if block_given?
          else
            job.due = now + @backoff.delay(job.attempts)
            @jobs.push(job).sort!
          end
        end
      end
      summary = outcomes.group_by(&:failed?)
      succeeded = summary.fetch(false, [])
      failed = summary.fetch(true, [])
      slowest = outcomes.max_by(&:seconds)
      log("#{succeeded.size} done, #{failed.size} failed, #{@jobs.size} waiting")
      log("slowest was #{slowest.job.name} with #{slowest.seconds.round(3)} s") if slowest && slowest.seconds > 1
      failed.each do |outcome|
        log("#{outcome.job.name} failed: #{outcome.error.message} (attempt #{outcome.job.attempts})")
      end
      outcomes
    end

    private def log(line)
      warn("conveyor: #{line}")
    end
  end
end
