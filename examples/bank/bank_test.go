package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
)

// play runs the bank and returns what it printed.
func play(t *testing.T, asJSON bool) (out string, ok bool) {
	t.Helper()
	var buffer bytes.Buffer
	ok, err := run(context.Background(), &report{out: &buffer, json: asJSON}, false)
	require.NoError(t, err)
	return buffer.String(), ok
}

func TestBank(t *testing.T) {
	t.Parallel()
	out, ok := play(t, false)
	require.True(t, ok, out)
	require.Contains(t, out, "39 of 39 attacks refused, 39 of 39 controls behaved")
	require.NotContains(t, out, "\x1b[", "no colours outside a terminal")
	require.NotContains(t, out, "eyJ", "no token, proof or assertion is printed")
}

func TestBankJSON(t *testing.T) {
	t.Parallel()
	out, ok := play(t, true)
	require.True(t, ok)
	var results struct {
		Results        []result
		Refused, Total int
	}
	require.NoError(t, json.Unmarshal([]byte(out), &results))
	require.Equal(t, len(results.Results), results.Total)
	require.Equal(t, results.Total, results.Refused)
	require.GreaterOrEqual(t, results.Total, 14)
	seen := map[string]bool{}
	for _, row := range results.Results {
		require.True(t, row.Refused && row.Control, row)
		require.NotEmpty(t, row.Error, row)
		require.NotEmpty(t, row.Rule, row)
		require.False(t, seen[row.ID], row.ID)
		seen[row.ID] = true
	}
}

// The bank has to be able to fail, or its table says nothing.
func TestBankNotices(t *testing.T) {
	t.Parallel()
	b, err := newBank()
	require.NoError(t, err)
	t.Cleanup(b.close)
	stolen := b.attacks()[0]
	stage := func(change func(*attack)) (row result, ok bool) {
		a := stolen
		change(&a)
		row = b.stage(context.Background(), a)
		r := &report{out: &bytes.Buffer{}}
		r.row(row)
		ok, err := r.finish()
		require.NoError(t, err)
		return row, ok
	}

	row, ok := stage(func(*attack) {})
	require.True(t, row.Refused && row.Control && ok, "the control of this test")
	row, ok = stage(func(a *attack) { a.target = b.tokenOnly })
	require.False(t, row.Refused || ok, "an attack that succeeds")
	row, ok = stage(func(a *attack) { a.rule = dpop.ErrReplay })
	require.False(t, row.Refused || ok, "refused by another rule than the one at issue")
	row, ok = stage(func(a *attack) { a.weakened = func() (http.Handler, error) { return http.NotFoundHandler(), nil } })
	require.False(t, row.Control || ok, "a control that does not succeed")
	_, err = (&report{out: &bytes.Buffer{}}).finish()
	require.NoError(t, err)
	ok, _ = (&report{out: &bytes.Buffer{}}).finish()
	require.False(t, ok, "no attack at all")
}

func TestServe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // serve prints and returns at once
	b, err := newBank()
	require.NoError(t, err)
	t.Cleanup(b.close)
	var out bytes.Buffer
	require.NoError(t, b.serve(ctx, &report{out: &out}))
	require.Equal(t, 6, strings.Count(out.String(), "curl -si --cacert "))
}
