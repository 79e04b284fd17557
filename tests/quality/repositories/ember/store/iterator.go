package store

import "container/heap"

// MergeIterator walks several segments in the order of their keys; of equal keys the newest wins.
type MergeIterator struct {
	sources sourceHeap
	last    string
	started bool
}

type source struct {
	entries []Entry
	age     int
}

// NewMergeIterator takes segments from old to new.
func NewMergeIterator(segments []*Segment) *MergeIterator {
	iterator := &MergeIterator{}
	for i, segment := range segments {
		if len(segment.entries) > 0 {
			iterator.sources = append(iterator.sources, source{segment.entries, len(segments) - i})
		}
	}
	heap.Init(&iterator.sources)
	return iterator
}

// Next returns the next entry, and false at the end.
func (m *MergeIterator) Next() (Entry, bool) {
	for len(m.sources) > 0 {
		top := &m.sources[0]
		entry := top.entries[0]
		if top.entries = top.entries[1:]; len(top.entries) == 0 {
			heap.Pop(&m.sources)
		} else {
			heap.Fix(&m.sources, 0)
		}
		if !m.started || entry.Key != m.last {
			m.started, m.last = true, entry.Key
			return entry, true
		}
	}
	return Entry{}, false
}

type sourceHeap []source

func (h sourceHeap) Len() int { return len(h) }

func (h sourceHeap) Less(i, j int) bool {
	a, b := h[i].entries[0].Key, h[j].entries[0].Key
	return a < b || a == b && h[i].age < h[j].age
}

func (h sourceHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *sourceHeap) Push(x any) { *h = append(*h, x.(source)) }

func (h *sourceHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
