package main

import (
	"testing"

	"github.com/go-fapi/fapi/examples/client/internal/clienttest"
)

// The plain client is right, where plain OAuth is enough.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	clienttest.Run(t, newClient, clienttest.Outcomes{
		clienttest.Plain:          clienttest.Accounts,
		clienttest.Keys:           "no token: invalid_client",
		clienttest.Bound:          "no token: invalid_client",
		clienttest.Security:       "refused at /error: invalid_request",
		clienttest.MessageSigning: "refused at /error: invalid_request",
		clienttest.Certificates:   "refused at /error: invalid_request",
	})
}
