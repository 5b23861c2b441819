package par

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	defaultMemory = 64 << 20
	minMemory     = 1 << 20
	maxMemory     = 1 << 40

	overhead = 256 // octets an entry takes beside key and record, generously

	// Every Put looks at a few entries, so that the expired ones never make up
	// more than a fraction; one that finds no room looks further.
	sweepAlways = 8
	sweepFull   = 4096
)

// MemoryConfig sets up a [Memory]. The zero value is usable.
type MemoryConfig struct {
	// MaxBytes bounds what is held. 0: 64 MiB, which is about 75,000 usual
	// requests; at least 1 MiB, at most 1 TiB.
	MaxBytes int64
}

// Memory is a [Store] for one process. Full, it refuses new requests and keeps
// those it has. No call takes longer when it holds more. It starts no goroutine
// and needs no closing. Make it with [NewMemory]; it is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	max     int64
	size    int64
	entries map[string]*entry
	order   []*entry // the same entries, for sweeping
	cursor  int
}

type entry struct {
	key    string
	record []byte
	until  time.Time
	place  int // in order
}

func (e *entry) cost() int64 { return int64(len(e.key)+len(e.record)) + overhead }

// NewMemory returns an empty store. It errs when MaxBytes is out of range.
func NewMemory(config MemoryConfig) (*Memory, error) {
	if config.MaxBytes == 0 {
		config.MaxBytes = defaultMemory
	}
	if config.MaxBytes < minMemory || config.MaxBytes > maxMemory {
		return nil, fmt.Errorf("par: MaxBytes %d is not between %d and %d", config.MaxBytes, minMemory, maxMemory)
	}
	return &Memory{max: config.MaxBytes, entries: make(map[string]*entry)}, nil
}

// NeverBlocks marks a store that answers from memory: it is called without a
// deadline of its own.
func (*Memory) NeverBlocks() {}

// Put implements [Store]. It errs with [ErrFull] when there is no room, also for a
// record that no empty store would hold.
func (m *Memory) Put(ctx context.Context, key string, record []byte, until time.Time) error {
	if err := m.check(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !now.Before(until) {
		return errors.New("par: the record has expired already")
	}
	m.sweep(now, sweepAlways)
	if m.find(key, now) != nil {
		return errors.New("par: the key is in use")
	}
	e := &entry{key: key, record: bytes.Clone(record), until: until, place: len(m.order)}
	if m.size+e.cost() > m.max {
		m.sweep(now, sweepFull)
		e.place = len(m.order)
	}
	if m.size+e.cost() > m.max {
		return ErrFull
	}
	m.size += e.cost()
	m.entries[key] = e
	m.order = append(m.order, e)
	return nil
}

// Keep implements [Store].
func (m *Memory) Keep(ctx context.Context, key string, until time.Time) ([]byte, bool, error) {
	if err := m.check(ctx); err != nil {
		return nil, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key, time.Now())
	if e == nil {
		return nil, false, nil
	}
	if until.After(e.until) {
		e.until = until
	}
	return bytes.Clone(e.record), true, nil
}

// Take implements [Store].
func (m *Memory) Take(ctx context.Context, key string) (bool, error) {
	if err := m.check(ctx); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(key, time.Now())
	if e == nil {
		return false, nil
	}
	m.remove(e)
	return true, nil
}

func (m *Memory) check(ctx context.Context) error {
	if m == nil || m.entries == nil {
		return errors.New("par: the store was not made by NewMemory")
	}
	return ctx.Err()
}

// find returns a live entry, and removes it if it has expired.
func (m *Memory) find(key string, now time.Time) *entry {
	e := m.entries[key]
	if e == nil || now.Before(e.until) {
		return e
	}
	m.remove(e)
	return nil
}

func (m *Memory) remove(e *entry) {
	last := len(m.order) - 1
	m.order[e.place] = m.order[last]
	m.order[e.place].place = e.place
	m.order[last] = nil
	m.order = m.order[:last]
	delete(m.entries, e.key)
	m.size -= e.cost()
}

// sweep looks at the next n entries and removes those that have expired.
func (m *Memory) sweep(now time.Time, n int) {
	for range min(n, len(m.order)) {
		if m.cursor >= len(m.order) {
			m.cursor = 0
		}
		if e := m.order[m.cursor]; now.Before(e.until) {
			m.cursor++
		} else {
			m.remove(e) // another one takes its place, and is looked at next
		}
	}
}
