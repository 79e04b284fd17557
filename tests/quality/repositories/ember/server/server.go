// Package server answers clients over TCP.
package server

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"example.org/ember/store"
)

const idleTimeout = 5 * time.Minute

// Server holds a store and its connections.
type Server struct {
	store   *store.Store
	limiter *Limiter
	active  sync.WaitGroup
}

// New returns a server that serves at most so many requests a second.
func New(s *store.Store, perSecond float64) *Server {
	return &Server{store: s, limiter: NewLimiter(perSecond)}
}

// Serve accepts connections until the context ends, then waits for those that are under way.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			s.active.Wait()
			return nil
		}
		if err != nil {
			return err
		}
		s.active.Add(1)
		go s.handle(conn)
	}
}

func (s *Server) handle(conn net.Conn) {
	defer s.active.Done()
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		_ = conn.SetDeadline(time.Now().Add(idleTimeout))
		command, err := ReadCommand(reader)
		if err != nil {
			return
		}
		if !s.limiter.Allow() {
			_ = WriteError(conn, "busy")
			continue
		}
		s.execute(conn, command)
	}
}

func (s *Server) execute(conn net.Conn, command Command) {
	switch command.Verb {
	case "GET":
		value, err := s.store.Get(command.Key)
		if err != nil {
			_ = WriteError(conn, err.Error())
			return
		}
		_ = WriteValue(conn, value)
	case "SET":
		_ = WriteStatus(conn, s.store.Put(command.Key, command.Value))
	case "DEL":
		_ = WriteStatus(conn, s.store.Delete(command.Key))
	default:
		_ = WriteError(conn, "unknown command")
	}
}
