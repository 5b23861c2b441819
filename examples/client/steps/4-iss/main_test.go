package main

import (
	"testing"

	"github.com/go-fapi/fapi/examples/client/internal/clienttest"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	clienttest.Run(t, newClient, clienttest.Outcomes{
		clienttest.Security:       clienttest.Accounts,
		clienttest.MessageSigning: "no request: invalid_request",
		clienttest.Certificates:   "no request: invalid_client",
	})
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	clienttest.Refuses(t, newClient, clienttest.Security, clienttest.Attacks())
}
