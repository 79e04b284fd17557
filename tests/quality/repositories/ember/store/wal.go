package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

const headerBytes = 12

var errTorn = errors.New("store: torn record")

// Log is the write-ahead log.
type Log struct {
	file      *os.File
	syncEvery int
	unsynced  int
}

// OpenLog opens the log of a folder, or makes it.
func OpenLog(dir string, syncEvery int) (*Log, error) {
	file, err := os.OpenFile(filepath.Join(dir, "ember.log"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &Log{file: file, syncEvery: max(1, syncEvery)}, nil
}

// Append writes a record and, every so often, waits until the disk has it.
func (l *Log) Append(key string, value []byte) error {
	record := encode(key, value)
	if _, err := l.file.Write(record); err != nil {
		return err
	}
	l.unsynced++
	if l.unsynced < l.syncEvery {
		return nil
	}
	l.unsynced = 0
	return l.file.Sync()
}

// Replay calls apply for each whole record; what a crash left half-written at the end is cut off.
func (l *Log) Replay(apply func(key string, value []byte)) error {
	reader := bufio.NewReader(l.file)
	var end int64
	for {
		key, value, size, err := decode(reader)
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			if err := l.file.Truncate(end); err != nil {
				return err
			}
			_, err = l.file.Seek(end, io.SeekStart)
			return err
		}
		if err != nil {
			return err
		}
		apply(key, value)
		end += size
	}
}

// Truncate empties the log after its records went into a segment.
func (l *Log) Truncate() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.Seek(0, io.SeekStart)
	return err
}

func encode(key string, value []byte) []byte {
	record := make([]byte, headerBytes, headerBytes+len(key)+len(value))
	binary.LittleEndian.PutUint32(record[4:], uint32(len(key)))
	binary.LittleEndian.PutUint32(record[8:], uint32(len(value)))
	record = append(append(record, key...), value...)
	binary.LittleEndian.PutUint32(record, crc32.ChecksumIEEE(record[4:]))
	return record
}

func decode(reader io.Reader) (string, []byte, int64, error) {
	header := make([]byte, headerBytes)
	if _, err := io.ReadFull(reader, header); err != nil {
		return "", nil, 0, err
	}
	keyBytes := binary.LittleEndian.Uint32(header[4:])
	body := make([]byte, keyBytes+binary.LittleEndian.Uint32(header[8:]))
	if _, err := io.ReadFull(reader, body); err != nil {
		return "", nil, 0, errTorn
	}
	sum := crc32.Update(crc32.ChecksumIEEE(header[4:]), crc32.IEEETable, body)
	if sum != binary.LittleEndian.Uint32(header) {
		return "", nil, 0, errTorn
	}
	return string(body[:keyBytes]), body[keyBytes:], int64(headerBytes + len(body)), nil
}
