package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const maxValueBytes = 16 << 20

// ErrMalformed is returned for a line that is no command.
var ErrMalformed = errors.New("server: malformed command")

// Command is one request of a client.
type Command struct {
	Verb  string
	Key   string
	Value []byte
}

// ReadCommand parses a line such as "SET key 5" and the bytes that follow it.
func ReadCommand(reader *bufio.Reader) (Command, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return Command{}, err
	}
	words := strings.Fields(line)
	if len(words) < 2 {
		return Command{}, ErrMalformed
	}
	command := Command{Verb: strings.ToUpper(words[0]), Key: words[1]}
	if command.Verb != "SET" {
		return command, nil
	}
	if len(words) != 3 {
		return Command{}, ErrMalformed
	}
	size, err := strconv.Atoi(words[2])
	if err != nil || size < 0 || size > maxValueBytes {
		return Command{}, ErrMalformed
	}
	command.Value = make([]byte, size)
	_, err = io.ReadFull(reader, command.Value)
	return command, err
}

// WriteValue sends a value with its length before it.
func WriteValue(w io.Writer, value []byte) error {
	_, err := fmt.Fprintf(w, "VALUE %d\r\n%s\r\n", len(value), value)
	return err
}

// WriteStatus sends OK, or the error.
func WriteStatus(w io.Writer, failed error) error {
	if failed != nil {
		return WriteError(w, failed.Error())
	}
	_, err := io.WriteString(w, "OK\r\n")
	return err
}

// WriteError sends an error on one line.
func WriteError(w io.Writer, text string) error {
	_, err := fmt.Fprintf(w, "ERROR %s\r\n", strings.ReplaceAll(text, "\n", " "))
	return err
}
