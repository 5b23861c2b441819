package server

import (
	"errors"
	"sync"
	"time"
)

// errFull is no refusal: the server has no room, and answers 503.
var errFull = errors.New("server: the store is full")

// shelf keeps values by name for a while: bounded, in memory, without a
// goroutine. A full one refuses new values and keeps those it has.
type shelf[V any] struct {
	limit int
	life  time.Duration

	mu    sync.Mutex
	items map[string]item[V]
	queue []due // oldest first
}

type item[V any] struct {
	value V
	until time.Time
}

type due struct {
	name  string
	until time.Time
}

func newShelf[V any](limit int, life time.Duration) *shelf[V] {
	return &shelf[V]{limit: limit, life: life, items: map[string]item[V]{}}
}

// put keeps a value from now on. A live value of that name stays, and is
// returned instead.
func (s *shelf[V]) put(name string, value V) (kept V, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	if old, ok := s.items[name]; ok && now.Before(old.until) {
		return old.value, nil
	}
	if len(s.items) >= s.limit {
		return value, errFull
	}
	until := now.Add(s.life)
	s.items[name] = item[V]{value, until}
	s.queue = append(s.queue, due{name, until})
	return value, nil
}

func (s *shelf[V]) get(name string) (value V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.items[name]
	if !ok || !time.Now().Before(found.until) {
		return value, false
	}
	return found.value, true
}

// renew lets the life of a value begin again.
func (s *shelf[V]) renew(name string) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.items[name]; ok && now.Before(found.until) {
		found.until = now.Add(s.life)
		s.items[name] = found
	}
}

func (s *shelf[V]) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, name)
}

// sweep takes off what is due. A value that was renewed goes back to the end of
// the queue, so every one is looked at once for each of its lives.
func (s *shelf[V]) sweep(now time.Time) {
	for len(s.queue) > 0 && !now.Before(s.queue[0].until) {
		name := s.queue[0].name
		s.queue = s.queue[1:]
		switch found, ok := s.items[name]; {
		case ok && now.Before(found.until):
			s.queue = append(s.queue, due{name, found.until})
		case ok:
			delete(s.items, name)
		}
	}
}
