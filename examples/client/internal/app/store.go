package app

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxKept bounds a store: who starts logins without end is refused, and nobody
// else's login is thrown out for it.
const maxKept = 10_000

// Store keeps one value for each browser, which has nothing but a random name
// for it in a cookie. It is safe for concurrent use.
type Store[T any] struct {
	cookie   http.Cookie
	lifetime time.Duration

	mu   sync.Mutex
	kept map[string]kept[T]
}

type kept[T any] struct {
	value T
	until time.Time
}

// NewStore makes a store whose cookie has the given name. Under an https redirect
// URI the name gets the prefix __Host-: no other host, and no page without TLS, can
// then set the cookie. Over http on loopback, which is for development, browsers
// accept neither the prefix nor Secure everywhere. All ports of a host share their
// cookies, so only one client runs on one host name.
func NewStore[T any](config Config, name string, lifetime time.Duration) *Store[T] {
	secure := strings.HasPrefix(config.RedirectURI, "https://")
	if secure {
		name = "__Host-" + name
	}
	return &Store[T]{
		// Lax: the way back from the authorization server begins on another site,
		// and must bring the cookie along.
		cookie:   http.Cookie{Name: name, Path: "/", Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode},
		lifetime: lifetime,
		kept:     map[string]kept[T]{},
	}
}

// Put keeps a value for the browser that r came from, in place of an earlier one
// and under a new name: a name that somebody planted there gains nothing. It errs
// when the store is full.
func (s *Store[T]) Put(w http.ResponseWriter, r *http.Request, value T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.remove(r)
	if len(s.kept) >= maxKept {
		s.sweep(now)
	}
	if len(s.kept) >= maxKept {
		return errors.New("client: too many browsers at once")
	}
	cookie := s.cookie
	cookie.Value = rand.Text()
	s.kept[cookie.Value] = kept[T]{value, now.Add(s.lifetime)}
	http.SetCookie(w, &cookie)
	return nil
}

func (s *Store[T]) remove(r *http.Request) {
	if cookie, err := r.Cookie(s.cookie.Name); err == nil {
		delete(s.kept, cookie.Value)
	}
}

func (s *Store[T]) sweep(now time.Time) {
	for name, k := range s.kept {
		if !now.Before(k.until) {
			delete(s.kept, name)
		}
	}
}

// Get returns the value of the browser that r came from, or the zero value.
func (s *Store[T]) Get(r *http.Request) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(r)
}

func (s *Store[T]) get(r *http.Request) (value T, ok bool) {
	cookie, err := r.Cookie(s.cookie.Name)
	if err != nil {
		return value, false
	}
	k, ok := s.kept[cookie.Value]
	if !ok || !time.Now().Before(k.until) {
		return value, false
	}
	return k.value, true
}

// Take is Get, and the value is gone: of any number of calls one is told true.
func (s *Store[T]) Take(r *http.Request) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.get(r)
	s.remove(r)
	return value, ok
}
