package mtls

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChainTable(t *testing.T) {
	t.Parallel()
	table := newChainTable()
	chain := []*x509.Certificate{{Raw: []byte("leaf")}}
	require.Nil(t, table.find("value", ""))
	table.remember("value", "", chain)
	require.Equal(t, chain, table.find("value", ""))
	require.Nil(t, table.find("value", "chain"), "other intermediates are another entry")

	long := strings.Repeat("a", maxEntry)
	table.remember(long, "", chain)
	require.NotNil(t, table.find(long, ""))
	table.remember(long, "b", chain)
	require.Nil(t, table.find(long, "b"), "too long to keep")
}
