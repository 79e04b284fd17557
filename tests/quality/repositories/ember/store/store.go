// Package store keeps keys and values on disk.
package store

import (
	"errors"
	"sync"
)

// ErrNotFound is returned for a key that has no value.
var ErrNotFound = errors.New("store: key not found")

// Options say how large things may grow.
type Options struct {
	Dir           string
	MemtableBytes int
	SyncEvery     int
}

// Store is a key-value store. Goroutines may share it.
type Store struct {
	mu       sync.RWMutex
	options  Options
	log      *Log
	table    *Memtable
	segments []*Segment
}

// Open replays the log and opens every segment of a folder.
func Open(options Options) (*Store, error) {
	table := NewMemtable()
	log, err := OpenLog(options.Dir, options.SyncEvery)
	if err != nil {
		return nil, err
	}
	if err := log.Replay(table.Put); err != nil {
		return nil, err
	}
	segments, err := openSegments(options.Dir)
	if err != nil {
		return nil, err
	}
	return &Store{options: options, log: log, table: table, segments: segments}, nil
}

// Get returns the newest value of a key.
func (s *Store) Get(key string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if value, ok := s.table.Get(key); ok {
		return present(value)
	}
	for i := len(s.segments) - 1; i >= 0; i-- {
		if value, ok := s.segments[i].Get(key); ok {
			return present(value)
		}
	}
	return nil, ErrNotFound
}

// Put writes a value, first to the log and then to memory.
func (s *Store) Put(key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.log.Append(key, value); err != nil {
		return err
	}
	s.table.Put(key, value)
	if s.table.Size() < s.options.MemtableBytes {
		return nil
	}
	return s.flush()
}

// Delete leaves a tombstone, which hides older values until they are merged away.
func (s *Store) Delete(key string) error {
	return s.Put(key, nil)
}

func (s *Store) flush() error {
	segment, err := writeSegment(s.options.Dir, s.table.Sorted())
	if err != nil {
		return err
	}
	s.segments = append(s.segments, segment)
	s.table = NewMemtable()
	return s.log.Truncate()
}

func present(value []byte) ([]byte, error) {
	if value == nil {
		return nil, ErrNotFound
	}
	return value, nil
}
