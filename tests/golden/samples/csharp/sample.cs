using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Headers = System.Collections.Generic.Dictionary<string, string>;

namespace Example.Messaging
{
    /// <summary>Receives a message. Must not block.</summary>
    public delegate Task MessageHandler<in T>(T message, CancellationToken cancel);

    /// <summary>What becomes of a message nobody handles.</summary>
    public enum Undelivered : byte
    {
        Drop,
        Keep = 1, // until somebody subscribes
    }

    public interface IMessage
    {
        Guid Id { get; }
        string Describe();
    }

    public record OrderPlaced(Guid Id, string Customer, decimal Total) : IMessage
    {
        public string Describe() => $"{Customer} ordered for {Total:F2}";
    }

    public readonly struct Delivery
    {
        public readonly int Handlers;
        public readonly TimeSpan Elapsed;

        public Delivery(int handlers, TimeSpan elapsed) => (Handlers, Elapsed) = (handlers, elapsed);

        public static Delivery operator +(Delivery a, Delivery b) =>
            new Delivery(a.Handlers + b.Handlers, a.Elapsed + b.Elapsed);

        public static implicit operator bool(Delivery delivery) => delivery.Handlers > 0;
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class TopicAttribute : Attribute
    {
        public TopicAttribute(string name) => Name = name;

        public string Name { get; }
    }

    /// <summary>
    /// Carries messages from publishers to subscribers within one process.
    /// See <see cref="IMessage"/> for what it carries.
    /// </summary>
    /// <typeparam name="TKey">What subscriptions are filed under.</typeparam>
    [Topic("bus")]
    public partial class MessageBus<TKey> : IAsyncDisposable where TKey : notnull
    {
        public const int MaxPending = 1024;
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

        private readonly ConcurrentDictionary<TKey, List<Subscription>> _subscriptions = new();
        private readonly Queue<(TKey Key, IMessage Message)> _pending = new();
        private int _sent, _failed; // counters, read by tests

        public event EventHandler<IMessage>? Lost;

        public MessageBus(Undelivered undelivered = Undelivered.Drop)
        {
            Undelivered = undelivered;
        }

        ~MessageBus() => _pending.Clear();

        /// <summary>What becomes of a message nobody handles.</summary>
        public Undelivered Undelivered { get; init; }

        public int Sent => _sent;

        public int this[TKey key] => _subscriptions.TryGetValue(key, out var found) ? found.Count : 0;

        /// <summary>Adds a handler.</summary>
        /// <returns>What ends the subscription when disposed.</returns>
        public IDisposable Subscribe(TKey key, MessageHandler<IMessage> handler)
        {
            var subscription = new Subscription(handler, ended => _subscriptions[key].Remove(ended));
            _subscriptions.GetOrAdd(key, _ => new List<Subscription>()).Add(subscription);
            return subscription;
        }

        /// <summary>Hands a message to every handler of its key, each at most <c>Patience</c> long.</summary>
        public async Task<Delivery> PublishAsync(TKey key, IMessage message, CancellationToken cancel = default)
        {
            var started = DateTime.UtcNow;
            if (!_subscriptions.TryGetValue(key, out var found) || found.Count == 0)
            {
                if (Undelivered == Undelivered.Keep && _pending.Count < MaxPending)
                {
                    _pending.Enqueue((key, message));
                }
                else
                {
                    Lost?.Invoke(this, message);
                }

                return new Delivery(0, TimeSpan.Zero);
            }

            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(Patience);
            var handled = 0;
            foreach (var subscription in found.ToArray())
            {
                try
                {
                    await subscription.Handler(message, limit.Token).ConfigureAwait(false);
                    handled++;
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    Interlocked.Increment(ref _failed);
                    // A handler that is too slow once is not asked again.
                    subscription.Dispose();
                }
                catch (Exception error) when (error is not OutOfMemoryException)
                {
                    Interlocked.Increment(ref _failed);
                    await Console.Error.WriteLineAsync($"{message.Describe()}: {error.Message}");
                }
            }

            Interlocked.Increment(ref _sent);
            return new Delivery(handled, DateTime.UtcNow - started);

            bool IsQuiet() => handled == 0 && _failed == 0;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var (key, message) in _pending.ToList())
            {
                await PublishAsync(key, message);
            }

            GC.SuppressFinalize(this);
        }

        private sealed class Subscription : IDisposable
        {
            private readonly Action<Subscription> _end;

            internal Subscription(MessageHandler<IMessage> handler, Action<Subscription> end)
            {
                Handler = handler;
                _end = end;
            }

            internal MessageHandler<IMessage> Handler { get; }

            void IDisposable.Dispose() => _end(this);

            internal void Dispose() => ((IDisposable)this).Dispose();
        }
    }

    public static class MessageExtensions
    {
        /// <summary>Copies headers that begin with a prefix.</summary>
        public static Headers WithPrefix(this Headers headers, string prefix) =>
            headers.Where(pair => pair.Key.StartsWith(prefix)).ToDictionary(pair => pair.Key, pair => pair.Value);
    }
}
