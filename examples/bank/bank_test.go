package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
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
	require.Contains(t, out, "84 of 84 attacks refused, 84 of 84 controls behaved")
	require.Contains(t, out, "POST /consent [cookie] → 303")
	require.Contains(t, out, "it is Alice Example.")
	require.Contains(t, out, "a JWT (at+jwt), a statement about its key (phantom-evidence+jwt); no opaque token.")
	require.Contains(t, out, "a JWT (at+jwt), the certificate (Client-Cert); no opaque token.")
	require.Regexp(t, `the token worked for another \d+ ms, then: 401 invalid_token\. The bound is 500 ms\.`, out)
	require.Regexp(t, `worked for another \d+ ms, then: 503 server_error;`, out)
	require.Contains(t, out, "503 server_error at once, Retry-After: 2.")
	require.Contains(t, out, "insurer and app have one, sub, as they asked for.")
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
	require.Equal(t, 84, results.Total)
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
	row, ok = stage(func(a *attack) { a.try = b.swapped(byResponse) })
	require.False(t, row.Refused || ok, "a client that takes what it must not")
	row, ok = stage(func(a *attack) { a.try = redirectedAway })
	require.False(t, row.Refused || ok, "a redirect, of which nobody knows what it says")
	_, err = (&report{out: &bytes.Buffer{}}).finish()
	require.NoError(t, err)
	ok, _ = (&report{out: &bytes.Buffer{}}).finish()
	require.False(t, ok, "no attack at all")
}

func redirectedAway(context.Context, sender) (answer, error) {
	return landed(httptest.NewRequest(http.MethodGet, "https://client.example/cb?error=access_denied", nil)), nil
}

// A naive server that forgets nothing refuses the attacks, and serves the honest
// client: so it is the one lapse that makes each of them succeed.
func TestNaiveServer(t *testing.T) {
	t.Parallel()
	b, err := newBank()
	require.NoError(t, err)
	t.Cleanup(b.close)
	against := func(forgets lapse, try func(context.Context, sender) (answer, error)) answer {
		send, err := b.sender(b.naiveServer(forgets))
		require.NoError(t, err)
		got, err := try(t.Context(), send)
		require.NoError(t, err)
		return got
	}
	honest := func(ctx context.Context, a *app) (login, error) { return a.begin(ctx, newLogin()) }
	for _, id := range []string{appID, plainAppID} {
		require.Equal(t, http.StatusOK, against(nothing, b.begun(id, honest, http.MethodGet, "/accounts")).status, id)
	}
	lapses := map[string]lapse{
		"T40": mergesQuery, "T41": mergesForm, "T42": anyRequester, "T44": anyObject, "T45": plainChallenge,
		"T46": optionalChallenge, "T48": unpushed, "T53": anyVerifier, "T54": anyRedeemer, "T55": reusableCodes, "T58": anyRefresher,
	}
	for _, a := range b.attacks() {
		of, ok := lapses[a.id]
		if !ok {
			continue
		}
		for _, forgets := range lapses {
			got := against(forgets, a.try)
			if forgets == of {
				require.Equal(t, http.StatusOK, got.status, a.id)
			} else {
				require.True(t, got.status >= 400 && got.status < 500, "%s with lapse %d: %v", a.id, forgets, got)
			}
		}
	}
}

// The attacks on the front channel say where they were refused.
func TestAnswers(t *testing.T) {
	t.Parallel()
	redirect := http.Header{"Location": {"https://client.example/cb?error=access_denied&state=x"}}
	require.Equal(t, "access_denied", newAnswer(http.StatusSeeOther, redirect, nil).code)
	require.Equal(t, "303 access_denied", newAnswer(http.StatusSeeOther, redirect, nil).String())
	require.Equal(t, "invalid_grant", newAnswer(http.StatusBadRequest, http.Header{}, []byte(`{"error":"invalid_grant"}`)).code)
	require.Equal(t, http.StatusOK, landed(httptest.NewRequest(http.MethodGet, "https://client.example/cb?code=x", nil)).status)
	_, err := (&bank{}).outcome(errNaive)
	require.ErrorIs(t, err, errNaive, "what is no refusal is an error of the example")
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
	require.Equal(t, 7, strings.Count(out.String(), "curl -si --cacert "))
}
