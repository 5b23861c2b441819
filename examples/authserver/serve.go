package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"
)

// listeners are open; certificates is nil if the configuration has no such origin.
type listeners struct {
	browsers, certificates net.Listener
}

func listen(c config) (l listeners, err error) {
	if l.browsers, err = net.Listen("tcp", c.Listen); err != nil || c.MTLSListen == "" {
		return l, err
	}
	if l.certificates, err = net.Listen("tcp", c.MTLSListen); err != nil {
		l.browsers.Close()
	}
	return l, err
}

// grace is how long requests under way may take once the server has to stop.
const grace = 5 * time.Second

// serve answers until ctx is done, and then lets requests under way end. It closes
// the listeners and leaves nothing running.
func (s *service) serve(ctx context.Context, l listeners) error {
	servers := map[net.Listener]*http.Server{l.browsers: s.newServer(tls.NoClientCert)}
	if l.certificates != nil {
		// Asked for, not insisted on: whether a certificate is due, and which, is
		// decided for every request (RFC 8705 section 6).
		servers[l.certificates] = s.newServer(tls.RequestClientCert)
	}
	ended := make(chan error, len(servers))
	for listener, server := range servers {
		go func() { ended <- server.ServeTLS(listener, "", "") }()
	}
	s.journal.started(s, l)
	select {
	case <-ctx.Done():
	case err := <-ended: // one that cannot serve takes the other with it
		ended <- err
	}
	for _, server := range servers {
		shutdown(server)
	}
	var errs []error
	for range servers {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func shutdown(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close() // the time is over for what is left
	}
}

func (s *service) newServer(asking tls.ClientAuthType) *http.Server {
	config := s.tls.Clone()
	config.ClientAuth = asking
	return &http.Server{
		Handler:           s.handler,
		TLSConfig:         config,
		ErrorLog:          log.New(s.journal, "", 0),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}
