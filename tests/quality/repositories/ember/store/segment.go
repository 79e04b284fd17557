package store

import (
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"time"
)

const indexInterval = 16

// Segment is a sorted file that never changes.
type Segment struct {
	path    string
	entries []Entry
	index   []string
	filter  *Bloom
}

// Get looks a key up: filter first, then the sparse index, then at most sixteen entries.
func (s *Segment) Get(key string) ([]byte, bool) {
	if !s.filter.MayContain(key) {
		return nil, false
	}
	block := sort.SearchStrings(s.index, key)
	if block == len(s.index) || s.index[block] != key {
		block--
	}
	for i := max(0, block) * indexInterval; i < len(s.entries) && s.entries[i].Key <= key; i++ {
		if s.entries[i].Key == key {
			return s.entries[i].Value, true
		}
	}
	return nil, false
}

func writeSegment(dir string, entries []Entry) (*Segment, error) {
	segment := build(entries)
	segment.path = filepath.Join(dir, strconv.FormatInt(time.Now().UnixNano(), 36)+".seg")
	partial := segment.path + ".part"
	file, err := os.Create(partial)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if _, err := file.Write(encode(entry.Key, entry.Value)); err != nil {
			return nil, err
		}
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	return segment, os.Rename(partial, segment.path)
}

func openSegments(dir string) ([]*Segment, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	segments := make([]*Segment, 0, len(paths))
	for _, path := range paths {
		entries, err := readEntries(path)
		if err != nil {
			return nil, err
		}
		segment := build(entries)
		segment.path = path
		segments = append(segments, segment)
	}
	return segments, nil
}

func readEntries(path string) ([]Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var entries []Entry
	for {
		key, value, _, err := decode(file)
		if err != nil {
			return entries, nil
		}
		entries = append(entries, Entry{key, value})
	}
}

func build(entries []Entry) *Segment {
	segment := &Segment{entries: entries, filter: NewBloom(len(entries))}
	for i, entry := range entries {
		if i%indexInterval == 0 {
			segment.index = append(segment.index, entry.Key)
		}
		segment.filter.Add(entry.Key)
	}
	return segment
}
