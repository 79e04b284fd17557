/// A cache that forgets what was not used for long.
library larder.cache;

import 'dart:async';
import 'dart:collection' show LinkedHashMap;
import 'package:meta/meta.dart' as meta;

part 'stats.dart';

/// Computes what is not in the cache.
typedef Loader<K, V> = FutureOr<V> Function(K key);
typedef int Weigher(Object value);

const Duration defaultAge = Duration(minutes: 5);
final Stopwatch _uptime = Stopwatch()..start();
var totalHits = 0, totalMisses = 0;

/// Why an entry left the cache.
enum Reason {
  expired('too old'),
  evicted('no room'),
  removed('asked for');

  const Reason(this.text);

  final String text;

  /// Whether it might have been used again.
  bool get isPremature => this == evicted;
}

/// Told about entries that leave.
abstract interface class Listener<K> {
  void onLeave(K key, Reason reason);
}

mixin Counting {
  int hits = 0;
  int misses = 0;

  double get ratio => hits + misses == 0 ? 0 : hits / (hits + misses);
}

class _Entry<V> {
  _Entry(this.value, this.expires);

  final V value;
  final DateTime expires;

  bool isFresh(DateTime now) => now.isBefore(expires);
}

/// Raised where a cache was used after it was closed.
class ClosedError extends StateError {
  ClosedError() : super('the cache is closed');
}

/// A cache with a limit of entries and of age.
@meta.sealed
class Cache<K, V> with Counting implements Listener<K> {
  /// Makes an empty cache that loads by itself.
  Cache(this._load, {this.capacity = defaultCapacity, Duration age = defaultAge})
      : _age = age,
        assert(capacity > 0);

  Cache.unlimited(Loader<K, V> load) : this(load, capacity: 1 << 30);

  /// Makes a cache that holds what a map holds.
  factory Cache.of(Map<K, V> values) {
    final cache = Cache<K, V>((key) => throw ArgumentError.value(key));
    values.forEach(cache.put);
    return cache;
  }

  static const int defaultCapacity = 128;

  final Loader<K, V> _load;
  final int capacity;
  final Duration _age;
  final Map<K, _Entry<V>> _entries = LinkedHashMap();
  final Map<K, Future<V>> _loading = {};
  StreamController<Reason>? _reasons;
  bool _closed = false;

  int get length => _entries.length;

  set closed(bool value) {
    _closed = value;
    if (value) clear();
  }

  /// The value of a key, loaded where it is not there or too old.
  ///
  /// A value is loaded once even where several callers wait for it.
  Future<V> get(K key) async {
    if (_closed) throw ClosedError();
    final now = DateTime.now();
    final entry = _entries.remove(key);
    if (entry != null && entry.isFresh(now)) {
      _entries[key] = entry;
      hits++;
      totalHits++;
      return entry.value;
    }
    if (entry != null) onLeave(key, Reason.expired);
    misses++;
    totalMisses++;
    final waiting = _loading[key];
    if (waiting != null) return waiting;
    final future = Future.sync(() => _load(key));
    _loading[key] = future;
    try {
      final value = await future;
      put(key, value);
      return value;
    } finally {
      _loading.remove(key);
    }
  }

  V? operator [](K key) => _entries[key]?.value;

  void operator []=(K key, V value) => put(key, value);

  void put(K key, V value) {
    _entries[key] = _Entry(value, DateTime.now().add(_age));
    while (_entries.length > capacity) {
      final oldest = _entries.keys.first;
      _entries.remove(oldest);
      onLeave(oldest, Reason.evicted);
    }
  }

  void clear() => _entries.clear();

  @override
  void onLeave(K key, Reason reason) => _reasons?.add(reason);
}

extension DurationText on Duration {
  /// Written for people, as "2 min".
  String get short => inMinutes > 0 ? '$inMinutes min' : '$inSeconds s';
}

/// Fills a cache before it is needed.
Future<int> warm<K>(Cache<K, Object> cache, Iterable<K> keys) async {
  await Future.wait(keys.map(cache.get));
  return cache.length;
}

String get uptime => _uptime.elapsed.short;
