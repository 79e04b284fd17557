package server

import (
	"sync"
	"time"
)

// Limiter is a token bucket.
type Limiter struct {
	mu        sync.Mutex
	perSecond float64
	tokens    float64
	last      time.Time
}

// NewLimiter allows bursts of one second's worth.
func NewLimiter(perSecond float64) *Limiter {
	return &Limiter{perSecond: perSecond, tokens: perSecond, last: time.Now()}
}

// Allow takes a token, if there is one.
func (l *Limiter) Allow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tokens = min(l.perSecond, l.tokens+now.Sub(l.last).Seconds()*l.perSecond)
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
