package store

import "os"

const fanIn = 4

// Compact merges the oldest segments into one and drops what nobody can see any more.
func (s *Store) Compact() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) < fanIn {
		return nil
	}
	oldest := s.segments[:fanIn]
	merged, err := writeSegment(s.options.Dir, withoutTombstones(NewMergeIterator(oldest)))
	if err != nil {
		return err
	}
	s.segments = append([]*Segment{merged}, s.segments[fanIn:]...)
	for _, segment := range oldest {
		if err := os.Remove(segment.path); err != nil {
			return err
		}
	}
	return nil
}

func withoutTombstones(iterator *MergeIterator) []Entry {
	var kept []Entry
	for entry, ok := iterator.Next(); ok; entry, ok = iterator.Next() {
		if entry.Value != nil {
			kept = append(kept, entry)
		}
	}
	return kept
}
