package store

import (
	"os"
	"testing"
)

func TestReplayCutsTornRecord(t *testing.T) {
	dir := t.TempDir()
	log, err := OpenLog(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Append("a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := log.file.Write([]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	again, _ := OpenLog(dir, 1)
	seen := map[string]string{}
	if err := again.Replay(func(key string, value []byte) { seen[key] = string(value) }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen["a"] != "1" {
		t.Fatalf("replayed %v", seen)
	}
	if info, _ := os.Stat(again.file.Name()); info.Size() != headerBytes+2 {
		t.Fatalf("log has %d bytes", info.Size())
	}
}
