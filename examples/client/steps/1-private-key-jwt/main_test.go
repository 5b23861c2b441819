package main

import (
	"testing"

	"github.com/go-fapi/fapi/examples/client/internal/clienttest"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	clienttest.Run(t, newClient, clienttest.Outcomes{
		clienttest.Plain:          clienttest.Accounts,
		clienttest.Keys:           clienttest.Accounts,
		clienttest.Bound:          "no token: invalid_dpop_proof",
		clienttest.Security:       "refused at /error: invalid_request",
		clienttest.MessageSigning: "refused at /error: invalid_request",
		clienttest.Certificates:   "refused at /error: invalid_request",
	})
}
