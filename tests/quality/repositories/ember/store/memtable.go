package store

import "sort"

// Entry is a key with its value; a nil value is a tombstone.
type Entry struct {
	Key   string
	Value []byte
}

// Memtable holds the newest writes in memory.
type Memtable struct {
	values map[string][]byte
	size   int
}

// NewMemtable returns an empty table.
func NewMemtable() *Memtable {
	return &Memtable{values: map[string][]byte{}}
}

// Put sets a value.
func (m *Memtable) Put(key string, value []byte) {
	if old, ok := m.values[key]; ok {
		m.size -= len(key) + len(old)
	}
	m.values[key] = value
	m.size += len(key) + len(value)
}

// Get returns a value and whether the key is known.
func (m *Memtable) Get(key string) ([]byte, bool) {
	value, ok := m.values[key]
	return value, ok
}

// Size returns how many bytes keys and values take.
func (m *Memtable) Size() int { return m.size }

// Sorted returns all entries by key.
func (m *Memtable) Sorted() []Entry {
	entries := make([]Entry, 0, len(m.values))
	for key, value := range m.values {
		entries = append(entries, Entry{key, value})
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Key < entries[j].Key })
	return entries
}
