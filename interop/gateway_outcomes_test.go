//go:build linux

package interop_test

import (
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcomes are the rows of testdata/gateway/outcomes.tsv: by table and row, what
// becomes of the request in each column.
var outcomes = sync.OnceValues(func() (map[[2]string][]string, error) {
	text, err := os.ReadFile("testdata/gateway/outcomes.tsv")
	read := map[[2]string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if row, err := strconv.Unquote(cells[min(1, len(cells)-1)]); err == nil {
			read[[2]string{cells[0], row}] = cells[2:]
		}
	}
	return read, err
})

// recorded are the versions of which the file tells, as they name themselves.
var recorded = map[string]struct{ argument, version string }{
	"nginx": {"-v", "nginx/1.22.1"}, "haproxy": {"-v", "version 2.6.12"}, "apache": {"-v", "Apache/2.4.71"}, "caddy": {"version", "2.6.2"},
}

// isRecorded tells whether this version of the front is in the file. Others draw
// the line between what they refuse and what they leave to the gateway elsewhere.
func (e *edge) isRecorded(t *testing.T) bool {
	known, ok := recorded[e.name]
	if !ok { // no proxy: what counts is the HTTP server of Go
		return strings.HasPrefix(runtime.Version(), "go1.26")
	}
	said, err := exec.Command(e.program.need(t), known.argument).CombinedOutput()
	require.NoError(t, err)
	return strings.Contains(string(said), known.version)
}

// requireOutcome compares a reply with the one in the file. At a version that is
// not there, it has to be an answer of the API, which the caller looks at, or a
// refusal.
func (e *edge) requireOutcome(t *testing.T, table, row string, got edgeReply) {
	t.Helper()
	known, err := outcomes()
	require.NoError(t, err)
	cells := known[[2]string{table, row}]
	require.Len(t, cells, len(fronts), "%s: %q", table, row)
	if e.exact {
		require.Equal(t, cells[e.column], got.String(), "%s: %q at %s", table, row, e.name)
	}
	require.True(t, got.status == http.StatusOK || got.status == 0 || got.status >= http.StatusBadRequest, "%s: %q at %s: %s", table, row, e.name, got)
}
