package main

import (
	"testing"

	"github.com/go-fapi/fapi/examples/client/internal/clienttest"
)

// The signature alone does not do for Message Signing: the answer has to be signed, too.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	clienttest.Run(t, newClient, clienttest.Outcomes{
		clienttest.Security:       clienttest.Accounts,
		clienttest.MessageSigning: "no request: invalid_request",
		clienttest.Certificates:   "no request: invalid_client",
	})
}

// Why the next step is due: nobody signed the answer, and only PKCE is left.
func TestAttacks(t *testing.T) {
	t.Parallel()
	clienttest.Falls(t, newClient, clienttest.Security, "J10 another's code in a plain answer", clienttest.Injected)
}
