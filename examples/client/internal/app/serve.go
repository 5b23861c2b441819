package app

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"
)

// Main is the main function of a client: it reads the file given by -config,
// and serves until it is interrupted.
func Main(newClient func(context.Context, Config) (http.Handler, error)) {
	name := flag.String("config", "client.json", "the configuration `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *name, slog.New(slog.NewTextHandler(os.Stderr, nil)), newClient)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, log *slog.Logger, newClient func(context.Context, Config) (http.Handler, error)) error {
	config, err := Load(name)
	if err != nil {
		return err
	}
	config.Log = log
	redirect, err := url.Parse(config.RedirectURI)
	if err != nil || (redirect.Scheme == "https") != (config.Server != nil) {
		return errors.New("client: redirect_uri is https with a server_certificate, or http without one")
	}
	handler, err := newClient(ctx, config)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", redirect.Host)
	if err != nil {
		return err
	}
	log.Info("open this in a browser", "url", redirect.Scheme+"://"+redirect.Host+"/")
	if config.Server != nil {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*config.Server}, MinVersion: tls.VersionTLS12})
	}
	return serve(ctx, listener, handler)
}

// serve ends when ctx does, and waits for requests under way.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(patience)
	<-ended
	return err
}
