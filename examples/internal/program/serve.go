package program

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/go-fapi/fapi"
)

// NewServer is a server of TLS with limits that suit APIs, which asks for client
// certificates if told so. Each has a TLS configuration of its own, and so keys of
// its own for tickets: with shared ones, a session of one listener could be
// resumed at another that asks for more.
//
// Certificates are asked for and not insisted on: whether one is due, and which, is
// decided for every request (RFC 8705 section 6).
func NewServer(handler http.Handler, certificate tls.Certificate, asking bool, journal *Journal) (*http.Server, error) {
	config, err := fapi.FAPI2Security.TLSConfig(fapi.APIEndpoint)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{certificate}
	if asking {
		config.ClientAuth = tls.RequestClientCert
	}
	return &http.Server{
		Handler:           handler,
		TLSConfig:         config,
		ErrorLog:          log.New(journal, "", 0),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
	}, nil
}

// Site is a server and where it listens.
type Site struct {
	Listener net.Listener
	Server   *http.Server
}

// Serve answers at all sites until ctx is done. Then it calls drain, if there is
// one, and lets requests under way end, for as long as grace. It closes the
// listeners and leaves nothing running. A site that cannot serve takes the others
// with it.
func Serve(ctx context.Context, drain func(), grace time.Duration, sites ...Site) error {
	ended := make(chan error, len(sites))
	for _, site := range sites {
		go func() { ended <- site.Server.ServeTLS(site.Listener, "", "") }()
	}
	select {
	case <-ctx.Done():
		if drain != nil {
			drain()
		}
	case err := <-ended:
		ended <- err
	}
	shutdown(grace, sites)
	var errs []error
	for range sites {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// shutdown gives all sites the same time, and cuts off what is left then.
func shutdown(grace time.Duration, sites []Site) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	done := make(chan struct{})
	for _, site := range sites {
		go func() {
			if site.Server.Shutdown(ctx) != nil {
				site.Server.Close()
			}
			done <- struct{}{}
		}()
	}
	for range sites {
		<-done
	}
}

// Listen opens listeners at addresses, none for an empty one. It is all of them or
// an error.
func Listen(addresses ...string) (listeners []net.Listener, err error) {
	for _, address := range addresses {
		var listener net.Listener
		if address != "" {
			listener, err = net.Listen("tcp", address)
		}
		if err != nil {
			for _, open := range listeners {
				if open != nil {
					open.Close()
				}
			}
			return nil, err
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}
