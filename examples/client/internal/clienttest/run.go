package clienttest

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/client/internal/app"
)

// Accounts is the outcome to be had.
const Accounts = "accounts"

// NewClient makes a client; every step has one.
type NewClient func(ctx context.Context, config app.Config) (http.Handler, error)

// Outcomes says how it ends at each server: Accounts, or where it fails and a part
// of why: "no start", "no request", "refused at" a page of the server, "no token"
// or "no accounts", then a colon and the part.
type Outcomes map[Server]string

// Run uses a client at each server.
func Run(t *testing.T, newClient NewClient, outcomes Outcomes) {
	t.Helper()
	for kind, want := range outcomes {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			client, err := newClient(t.Context(), w.config)
			if err != nil {
				endsAs(t, want, "no start: "+err.Error())
				return
			}
			endsAs(t, want, w.newPerson(t, client).use(t))
			if want == Accounts {
				w.goesOn(t, client, kind)
			}
		})
	}
}

func endsAs(t *testing.T, want, outcome string) {
	t.Helper()
	where, why, _ := strings.Cut(want, ": ")
	require.True(t, strings.HasPrefix(outcome, where) && strings.Contains(outcome, why), "%s, not %s", outcome, want)
}

// goesOn is what follows a login: a second person, renewals, and their end.
func (w *world) goesOn(t *testing.T, client http.Handler, kind Server) {
	t.Helper()
	first, second := w.newPerson(t, client), w.newPerson(t, client)
	require.Equal(t, Accounts, first.use(t))
	challenges := w.count("use_dpop_nonce")
	require.Equal(t, kind != Plain && kind != Keys && kind != Certificates, challenges > 0, "nonces are asked for")
	require.Equal(t, Accounts, second.use(t))
	require.Equal(t, challenges, w.count("use_dpop_nonce"), "the nonce is remembered")

	w.mu.Lock()
	w.expiresIn = 5 // which x/oauth2 takes for expired
	w.mu.Unlock()
	require.Equal(t, Accounts, first.use(t))
	renewals := w.count("refresh_token")
	require.Positive(t, renewals)
	require.True(t, first.accounts(t))
	require.Greater(t, w.count("refresh_token"), renewals)

	w.mu.Lock()
	w.refuseMore = true
	w.mu.Unlock()
	status, _ := first.open(t, front+"/")
	require.Equal(t, http.StatusBadRequest, status)
	status, body := first.open(t, front+"/")
	require.Equal(t, http.StatusOK, status, "the session has ended")
	require.NotContains(t, body, "DE-4711")
	require.True(t, second.accounts(t), "and no other one")
}
