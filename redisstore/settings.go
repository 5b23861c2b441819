package redisstore

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxPrefix      = 128
	defaultTimeout = 500 * time.Millisecond
	minTimeout     = time.Millisecond
	maxTimeout     = 10 * time.Second
)

// settings are what the configurations of all stores have in common.
type settings struct {
	Client  redis.UniversalClient
	Prefix  string
	Timeout time.Duration
}

// complete checks the fields and fills in the defaults.
func (s settings) complete(defaultPrefix string) (settings, error) {
	if err := checkClient(s.Client); err != nil {
		return settings{}, err
	}
	if len(s.Prefix) > maxPrefix {
		return settings{}, fmt.Errorf("redisstore: Prefix has %d bytes, want at most %d", len(s.Prefix), maxPrefix)
	}
	if s.Prefix == "" {
		s.Prefix = defaultPrefix
	}
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	if s.Timeout < minTimeout || s.Timeout > maxTimeout {
		return settings{}, fmt.Errorf("redisstore: Timeout %v is not between %v and %v", s.Timeout, minTimeout, maxTimeout)
	}
	return s, nil
}
