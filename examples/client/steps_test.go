package client_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/client/internal/app"
)

var update = flag.Bool("update", false, "write the diffs and the table of the README anew")

// step is a program in the folder steps. Each one goes on from an earlier one.
type step struct {
	name, from string
	adds       string // for the table
}

func steps() []step {
	return []step{
		{"1-private-key-jwt", "0-plain", "`privatekeyjwt`"},
		{"2-dpop", "1-private-key-jwt", "`dpop`"},
		{"3-par", "2-dpop", "`par`"},
		{"4-iss", "3-par", "`jarm`, for plain answers with `iss`"},
		{"5-jar", "4-iss", "`jar`"},
		{"6-jarm", "5-jar", "`jarm` for signed answers, `jwks`"},
		{"7-mtls", "4-iss", "`mtls` in place of `privatekeyjwt` and `dpop`"},
	}
}

// The diffs are what the programs say, from the plain one and from the one before.
func TestDiffs(t *testing.T) {
	t.Parallel()
	for _, s := range steps() {
		check(t, filepath.Join("diffs", s.name+".diff"), diff(t, "0-plain", s.name))
		check(t, filepath.Join("diffs", "steps", s.name+".diff"), diff(t, s.from, s.name))
	}
	published, err := filepath.Glob("diffs/*.diff")
	require.NoError(t, err)
	programs, err := filepath.Glob("steps/*/main.go")
	require.NoError(t, err)
	require.Len(t, published, len(steps()))
	require.Len(t, programs, len(steps())+1)
}

// The README's numbers of lines are those of the diffs.
func TestREADME(t *testing.T) {
	t.Parallel()
	const start, end = "<!-- table: go test ./client -update -->\n", "<!-- end -->\n"
	readme := read(t, "README.md")
	before, rest, ok := strings.Cut(readme, start)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	check(t, "README.md", before+start+table(t)+end+after)
}

func table(t *testing.T) string {
	t.Helper()
	var rows strings.Builder
	rows.WriteString("| Step | Adds | Lines, this step | Lines, from plain |\n|---|---|---|---|\n")
	for _, s := range steps() {
		this, all := comparison(t, s.from, s.name), comparison(t, "0-plain", s.name)
		fmt.Fprintf(&rows, "| [%s](steps/%[1]s/main.go) | %s | [+%d −%d](diffs/steps/%[1]s.diff) | [+%[5]d −%[6]d](diffs/%[1]s.diff) |\n",
			s.name, s.adds, count(this, '+'), count(this, '-'), count(all, '+'), count(all, '-'))
	}
	return rows.String()
}

func comparison(t *testing.T, from, to string) []line {
	t.Helper()
	program := func(name string) []string {
		return strings.Split(strings.TrimSuffix(read(t, filepath.Join("steps", name, "main.go")), "\n"), "\n")
	}
	return compare(program(from), program(to))
}

func diff(t *testing.T, from, to string) string {
	t.Helper()
	return unified(from+"/main.go", to+"/main.go", comparison(t, from, to))
}

func check(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, read(t, name), "go test ./client -update writes it anew")
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// The configurations lack nothing but the files that the example server makes.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("*.json")
	require.NoError(t, err)
	require.Len(t, names, 4)
	for _, name := range names {
		copied := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(copied, []byte(read(t, name)), 0o600))
		_, err := app.Load(copied)
		require.ErrorIs(t, err, os.ErrNotExist, name)
		require.Contains(t, read(t, "README.md"), "-config examples/client/"+name)
	}
}
