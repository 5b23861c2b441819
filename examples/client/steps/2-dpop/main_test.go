package main

import (
	"testing"

	"github.com/go-fapi/fapi/examples/client/internal/clienttest"
)

// From now on the client insists, too: it does not use a token that is not bound.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	clienttest.Run(t, newClient, clienttest.Outcomes{
		clienttest.Plain:          "no accounts: refusing to send a Bearer token",
		clienttest.Keys:           "no accounts: refusing to send a Bearer token",
		clienttest.Bound:          clienttest.Accounts,
		clienttest.Security:       "refused at /error: invalid_request",
		clienttest.MessageSigning: "refused at /error: invalid_request",
		clienttest.Certificates:   "refused at /error: invalid_request",
	})
}
