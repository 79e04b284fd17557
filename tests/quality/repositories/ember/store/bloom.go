package store

import "hash/fnv"

const (
	bitsAKey = 10
	hashes   = 7
)

// Bloom says that a key is certainly absent, or perhaps there.
type Bloom struct {
	bits []uint64
}

// NewBloom sizes a filter for about one false answer in a hundred.
func NewBloom(keys int) *Bloom {
	return &Bloom{bits: make([]uint64, keys*bitsAKey/64+1)}
}

// Add notes a key.
func (b *Bloom) Add(key string) {
	for _, bit := range b.positions(key) {
		b.bits[bit/64] |= 1 << (bit % 64)
	}
}

// MayContain reports whether the key was perhaps added.
func (b *Bloom) MayContain(key string) bool {
	for _, bit := range b.positions(key) {
		if b.bits[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// positions derives all hashes from two, after Kirsch and Mitzenmacher.
func (b *Bloom) positions(key string) [hashes]uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(key))
	first := hash.Sum64()
	second := first>>33 | first<<31 | 1
	var found [hashes]uint64
	for i := range found {
		found[i] = (first + uint64(i)*second) % uint64(len(b.bits)*64)
	}
	return found
}
