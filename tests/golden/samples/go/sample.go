// Package harbour keeps a bounded queue of jobs and runs them on a few workers.
package harbour

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand"
	"sync"
	"time"
)

// State is where a job stands.
type State int

const (
	Waiting State = iota // not taken by a worker yet
	Running
	// Done means that the job returned, with or without an error.
	Done
)

const maxAttempts = 4

var (
	// ErrFull is returned where the queue takes no more jobs.
	ErrFull   = errors.New("harbour: queue is full")
	ErrClosed = errors.New("harbour: queue is closed")
)

var jitter = func(d time.Duration) time.Duration {
	return d + time.Duration(mrand.Int63n(int64(d)/2+1))
}

// Task is the work itself.
type Task func(ctx context.Context) error

// Ticket names a job.
type Ticket = uint64

// Store remembers what jobs returned.
type Store interface {
	fmt.Stringer
	// Save is called once a job.
	Save(ticket Ticket, err error) error
	Load(ticket Ticket) (Result, bool)
}

type (
	// Result is what a job left behind.
	Result struct {
		Ticket   Ticket
		State    State
		Err      error
		attempts int // tries so far
	}

	job[K comparable] struct {
		key    K
		ticket Ticket
		task   Task
	}
)

// Queue runs jobs in order of arrival. Jobs with equal keys never run at once.
type Queue[K comparable] struct {
	sync.Mutex
	waiting chan job[K]
	busy    map[K]bool
	store   Store
	next    Ticket
	closed  bool
	done    sync.WaitGroup
}

// New starts a queue with some workers.
func New[K comparable](ctx context.Context, size, workers int, store Store) *Queue[K] {
	q := &Queue[K]{waiting: make(chan job[K], size), busy: map[K]bool{}, store: store}
	q.done.Add(workers)
	for i := 0; i < workers; i++ {
		go q.work(ctx)
	}
	return q
}

// Submit adds a job, or returns ErrFull at once.
func (q *Queue[K]) Submit(key K, task Task) (Ticket, error) {
	q.Lock()
	defer q.Unlock()
	if q.closed {
		return 0, ErrClosed
	}
	q.next++
	select {
	case q.waiting <- job[K]{key, q.next, task}:
		return q.next, nil
	default:
		return 0, ErrFull
	}
}

// work takes jobs until the queue is closed or the context ends. A job that fails is tried again
// with growing pauses; a job whose key is busy goes back to the end of the queue.
func (q *Queue[K]) work(ctx context.Context) {
	defer q.done.Done()
	for {
		var next job[K]
		var open bool
		select {
		case <-ctx.Done():
			return
		case next, open = <-q.waiting:
			if !open {
				return
			}
		}
		q.Lock()
		if q.busy[next.key] {
			q.Unlock()
			// Give the other worker a moment, then try to put the job back.
			time.Sleep(jitter(time.Millisecond))
			if _, err := q.Submit(next.key, next.task); err != nil {
				_ = q.store.Save(next.ticket, err)
			}
			continue
		}
		q.busy[next.key] = true
		q.Unlock()

		result := Result{Ticket: next.ticket, State: Running}
		pause := 10 * time.Millisecond
		for result.attempts < maxAttempts {
			result.attempts++
			result.Err = run(ctx, next.task)
			if result.Err == nil || errors.Is(result.Err, context.Canceled) {
				break
			}
			select {
			case <-time.After(jitter(pause)):
				pause *= 2
			case <-ctx.Done():
				result.Err = ctx.Err()
			}
		}
		result.State = Done
		if err := q.store.Save(next.ticket, result.Err); err != nil {
			fmt.Printf("harbour: job %d of %v was not saved: %v\n", next.ticket, next.key, err)
		}

		q.Lock()
		delete(q.busy, next.key)
		q.Unlock()
	}
}

func run(ctx context.Context, task Task) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("job panicked: %v", cause)
		}
	}()
	return task(ctx)
}

// Close lets the workers finish what waits.
func (q *Queue[K]) Close() {
	q.Lock()
	q.closed = true
	close(q.waiting)
	q.Unlock()
	q.done.Wait()
}

func (s State) String() string {
	return [...]string{"waiting", "running", "done"}[s]
}
