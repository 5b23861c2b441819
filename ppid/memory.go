package ppid

import (
	"context"
	"errors"
	"sync"
)

const (
	defaultEntries = 1 << 20
	maxEntries     = 1 << 28
)

// MemoryConfig configures [Memory].
type MemoryConfig struct {
	MaxEntries int // identifiers held at once; 0: 1,048,576, at most 268,435,456
}

// Memory is a [Store] in memory, for tests and demonstrations: a restart forgets
// all identifiers, and every client then sees strangers. It is safe for concurrent
// use. The zero Memory refuses everything.
type Memory struct {
	mu       sync.Mutex
	max      int
	accounts map[accountKey]map[string]string // sector to subject
	subjects map[subjectKey]holder
}

type (
	accountKey struct{ issuer, account string }
	subjectKey struct{ issuer, subject string }
	holder     struct{ sector, account string }
)

// NewMemory returns an empty store.
func NewMemory(config MemoryConfig) (*Memory, error) {
	if config.MaxEntries < 0 || config.MaxEntries > maxEntries {
		return nil, errors.New("ppid: MaxEntries must be from 0 to 268435456")
	}
	if config.MaxEntries == 0 {
		config.MaxEntries = defaultEntries
	}
	return &Memory{
		max:      config.MaxEntries,
		accounts: make(map[accountKey]map[string]string),
		subjects: make(map[subjectKey]holder),
	}, nil
}

// InsertIfAbsent implements [Store]. It errs with [ErrFull] when a new identifier
// has no room.
func (m *Memory) InsertIfAbsent(ctx context.Context, issuer, sector, account, candidate string) (string, error) {
	if err := m.ready(ctx); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	who, what := accountKey{issuer, account}, subjectKey{issuer, candidate}
	if subject, ok := m.accounts[who][sector]; ok {
		return subject, nil
	}
	if _, taken := m.subjects[what]; taken {
		return "", errors.New("ppid: the subject is taken")
	}
	if len(m.subjects) >= m.max {
		return "", ErrFull
	}
	if m.accounts[who] == nil {
		m.accounts[who] = make(map[string]string)
	}
	m.accounts[who][sector] = candidate
	m.subjects[what] = holder{sector, account}
	return candidate, nil
}

// Account implements [Store].
func (m *Memory) Account(ctx context.Context, issuer, sector, subject string) (string, bool, error) {
	if err := m.ready(ctx); err != nil {
		return "", false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.subjects[subjectKey{issuer, subject}]
	if !ok || h.sector != sector {
		return "", false, nil
	}
	return h.account, true, nil
}

// Erase implements [Store].
func (m *Memory) Erase(ctx context.Context, issuer, account string) error {
	if err := m.ready(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	who := accountKey{issuer, account}
	for _, subject := range m.accounts[who] {
		delete(m.subjects, subjectKey{issuer, subject})
	}
	delete(m.accounts, who)
	return nil
}

func (m *Memory) ready(ctx context.Context) error {
	if m == nil || m.max == 0 {
		return errors.New("ppid: the store was not made by NewMemory")
	}
	return ctx.Err()
}
