package main

import (
	"testing"

	"github.com/go-fapi/fapi/examples/client/internal/clienttest"
)

// The server cannot tell a client that does not look at iss.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	clienttest.Run(t, newClient, clienttest.Outcomes{
		clienttest.Bound:          "no start: par: Endpoint is required",
		clienttest.Security:       clienttest.Accounts,
		clienttest.MessageSigning: "no request: invalid_request",
		clienttest.Certificates:   "no request: invalid_client",
	})
}

// Why the next step is due: the code goes to the token endpoint, whoever sent it.
func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"J02 the code of another server, which says so", "J02 an answer without iss"} {
		clienttest.Falls(t, newClient, clienttest.Security, name, clienttest.Attacks()[name].Change)
	}
}
