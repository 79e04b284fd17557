package store

import (
	"errors"
	"testing"
)

func TestDeleteHidesOlderValues(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), MemtableBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put("k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("k"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("k"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v", err)
	}
}

func TestBloomHasNoFalseNegatives(t *testing.T) {
	filter := NewBloom(2)
	filter.Add("x")
	if !filter.MayContain("x") {
		t.Fatal("x was added")
	}
}
