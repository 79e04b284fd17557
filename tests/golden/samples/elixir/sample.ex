defprotocol Sluice.Cost do
  @doc "How many tokens a request takes."
  @fallback_to_any true
  def of(request)
end

defimpl Sluice.Cost, for: Any do
  def of(_request), do: 1
end

defimpl Sluice.Cost, for: BitString do
  def of(text), do: max(1, div(byte_size(text), 1024))
end

defmodule Sluice.Error do
  defexception [:message, retry_after: 0]
end

defmodule Sluice do
  @moduledoc """
  Limits how often something is done, with a bucket of tokens for each key.

  Buckets fill with time. A request that finds too few tokens is told how long to wait.
  """

  use GenServer

  import Bitwise, only: [bsl: 2]
  alias Sluice.{Cost, Error}
  require Logger

  @behaviour Sluice.Store

  @sweep_ms 60_000
  @max_keys bsl(1, 20)

  @typedoc "Names what is limited."
  @type key :: term
  @type option :: {:capacity, pos_integer} | {:per_second, number}
  @typep bucket :: {tokens :: float, at :: integer}

  @callback now() :: integer

  defstruct [:capacity, :per_second, clock: __MODULE__, buckets: %{}]

  defguardp is_positive(number) when is_number(number) and number > 0

  @doc """
  Runs a block if a key still has tokens, and raises otherwise.
  """
  defmacro limited(server, key, do: block) do
    quote do
      case Sluice.take(unquote(server), unquote(key), 1) do
        :ok -> unquote(block)
        {:error, ms} -> raise Error, message: "too many requests", retry_after: ms
      end
    end
  end

  @doc """
  Starts a limiter.

  It takes `:capacity`, the tokens a bucket can hold, and `:per_second`, how fast it fills.
  """
  @spec start_link([option]) :: GenServer.on_start()
  def start_link(options) do
    GenServer.start_link(__MODULE__, options, name: options[:name])
  end

  @doc "Takes the tokens that a request costs."
  @spec take(GenServer.server(), key, term) :: :ok | {:error, non_neg_integer}
  def take(server, key, request), do: GenServer.call(server, {:take, key, Cost.of(request)})

  defdelegate stop(server), to: GenServer

  @impl Sluice.Store
  def now, do: System.monotonic_time(:millisecond)

  @impl GenServer
  def init(options) do
    capacity = Keyword.fetch!(options, :capacity)
    rate = Keyword.get(options, :per_second, capacity)
    Process.send_after(self(), :sweep, @sweep_ms)
    {:ok, %__MODULE__{capacity: capacity, per_second: validate!(rate)}}
  end

  @impl GenServer
  def handle_call({:take, _key, cost}, _from, %{capacity: capacity} = state) when cost > capacity do
    {:reply, {:error, :infinity}, state}
  end

  def handle_call({:take, key, cost}, _from, state) do
    time = state.clock.now()
    {tokens, _at} = state.buckets |> Map.get(key, {state.capacity, time}) |> refill(state, time)

    if tokens >= cost do
      {:reply, :ok, put_bucket(state, key, {tokens - cost, time})}
    else
      wait = ceil((cost - tokens) / state.per_second * 1000)
      Logger.debug("#{inspect(key)} has to wait for #{wait} ms")
      {:reply, {:error, wait}, put_bucket(state, key, {tokens, time})}
    end
  end

  @impl GenServer
  def handle_info(:sweep, state) do
    time = state.clock.now()
    Process.send_after(self(), :sweep, @sweep_ms)
    full? = fn {_key, bucket} -> elem(refill(bucket, state, time), 0) >= state.capacity end
    {:noreply, %{state | buckets: state.buckets |> Enum.reject(full?) |> Map.new()}}
  end

  defp refill({tokens, at}, state, time) when time > at do
    {min(state.capacity * 1.0, tokens + (time - at) * state.per_second / 1000), time}
  end

  defp refill(bucket, _state, _time), do: bucket

  defp put_bucket(%{buckets: buckets} = state, _key, _bucket) when map_size(buckets) >= @max_keys, do: state
  defp put_bucket(state, key, bucket), do: put_in(state.buckets[key], bucket)

  defp validate!(rate) when is_positive(rate), do: rate
  defp validate!(rate), do: raise(ArgumentError, "a bucket cannot fill by #{inspect(rate)} a second")

  defmodule Fixed do
    @moduledoc false
    def child_spec(options), do: Supervisor.child_spec({Sluice, options}, id: &__MODULE__.id/1)
  end
end
