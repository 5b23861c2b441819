package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServe(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- serve(ctx, listener, http.NotFoundHandler()) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	stop()
	require.NoError(t, <-ended)

	listener.Close()
	require.Error(t, serve(t.Context(), listener, http.NotFoundHandler()))
}

func TestRun(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	name := filepath.Join(t.TempDir(), "client.json")
	configure := func(redirect string) {
		text := `{"issuer":"https://as.example","client_id":"c","api":"https://api.example","redirect_uri":"` + redirect + `"}`
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	broken := errors.New("no such server")
	fails := func(context.Context, Config) (http.Handler, error) { return nil, broken }
	works := func(context.Context, Config) (http.Handler, error) { return http.NotFoundHandler(), nil }
	require.Error(t, run(t.Context(), name, log, works), "no file")
	configure("::")
	require.Error(t, run(t.Context(), name, log, works), "no URL")
	configure("https://127.0.0.1:0/callback")
	require.Error(t, run(t.Context(), name, log, works), "no certificate")
	configure("http://127.0.0.1:0/callback")
	require.ErrorIs(t, run(t.Context(), name, log, fails), broken)
	done, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, run(done, name, log, works), "interrupted")
	configure("http://203.0.113.1:1/callback")
	require.Error(t, run(t.Context(), name, log, works), "an address of somebody else")
}
