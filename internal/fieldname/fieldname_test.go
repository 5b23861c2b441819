package fieldname_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/fieldname"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ alike, continues bool }{
		"Client-Cert": {true, true}, "client_cert": {true, true}, "CLIENT-CERT": {true, true},
		"Client-Cert-Chain": {false, true}, "client_cert_chain": {false, true},
		"Client-Certificate": {}, "Client.Cert": {}, "X-Client-Cert": {}, "Client": {}, "": {},
	} {
		require.Equal(t, want.alike, fieldname.Alike(name, "Client-Cert"), name)
		require.Equal(t, want.continues, fieldname.Continues(name, "Client-Cert"), name)
	}
}
