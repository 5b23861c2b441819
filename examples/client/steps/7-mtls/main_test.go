package main

import (
	"testing"

	"github.com/go-fapi/fapi/examples/client/internal/clienttest"
)

// A client registered for keys cannot come with a certificate, nor the reverse.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	clienttest.Run(t, newClient, clienttest.Outcomes{
		clienttest.Bound:          "no start: mtls:",
		clienttest.Security:       "no request: invalid_client",
		clienttest.MessageSigning: "no request: invalid_client",
		clienttest.Certificates:   clienttest.Accounts,
	})
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	clienttest.Refuses(t, newClient, clienttest.Certificates, clienttest.Attacks())
}
