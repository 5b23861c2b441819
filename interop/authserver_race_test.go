package interop_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What can be used once is used once, however many try at the same moment.
func TestAuthserverRaces(t *testing.T) {
	t.Parallel()
	as := startAuthserver(t)
	shop := as.shop(t)
	t.Run("consent", func(t *testing.T) { t.Parallel(); as.raceConsent(t, shop) })
	t.Run("two browsers", func(t *testing.T) { t.Parallel(); as.raceBrowsers(t, shop) })
	t.Run("redemption", func(t *testing.T) { t.Parallel(); as.raceRedemption(t, shop) })
	t.Run("push", func(t *testing.T) { t.Parallel(); as.racePush(t, shop) })
}

const racers = 40

// together calls f for all racers at once.
func together(f func(i int)) {
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range racers {
		group.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	group.Wait()
}

func (as *authserver) raceConsent(t *testing.T, shop *appClient) {
	v := as.newVisitor(t)
	consent := v.login(t, v.open(t, shop.push(t)))
	var ends [racers]visit
	together(func(i int) {
		ends[i] = v.send(t, http.MethodPost, consent.url.String(), consent.form(t, []string{"approve", "deny"}[i%2], "1"))
	})
	requireOneCallback(t, ends[:])
	isErrorPage(t, v.open(t, consent.url.String()), "invalid_request_uri")
}

func requireOneCallback(t *testing.T, ends []visit) {
	t.Helper()
	callbacks := 0
	for _, end := range ends {
		require.Equal(t, http.StatusSeeOther, end.status)
		location, err := url.Parse(end.header.Get("Location"))
		require.NoError(t, err)
		if location.Path == "/callback" {
			callbacks++
		} else {
			require.Equal(t, "/error?error=invalid_request_uri", location.String())
		}
	}
	require.Equal(t, 1, callbacks)
}

// One request_uri, opened in many browsers, and in each somebody agrees.
func (as *authserver) raceBrowsers(t *testing.T, shop *appClient) {
	address := shop.push(t)
	var visitors [8]*visitor
	var consents [8]visit
	for i := range visitors {
		visitors[i] = as.newVisitor(t)
		consents[i] = visitors[i].login(t, visitors[i].open(t, address))
	}
	var ends [racers]visit
	together(func(i int) {
		v, consent := visitors[i%8], consents[i%8]
		ends[i] = v.send(t, http.MethodPost, consent.url.String(), consent.form(t, "approve", "1"))
	})
	requireOneCallback(t, ends[:])
}

// The one who is served was perhaps the thief: what it got is worthless at once.
func (as *authserver) raceRedemption(t *testing.T, shop *appClient) {
	callback := as.newVisitor(t).authorize(t, shop.push(t))
	code := callback.Query().Get("code")
	var requests [racers]*http.Request
	for i := range requests {
		requests[i] = shop.posting(t, "/token", shop.redemption(code))
	}
	var got [racers]reply
	together(func(i int) { got[i] = shop.do(t, requests[i]) })
	served := 0
	for _, one := range got {
		if one.status == http.StatusOK {
			served++
			require.Equal(t, http.StatusUnauthorized, shop.accounts(t, one.body["access_token"].(string)).status)
			refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {one.body["refresh_token"].(string)}}
			require.Equal(t, "invalid_grant", shop.post(t, "/token", refresh).body["error"])
			continue
		}
		require.Equal(t, "invalid_grant", one.body["error"])
	}
	require.LessOrEqual(t, served, 1)

	t.Run("control", func(t *testing.T) {
		callback := as.newVisitor(t).authorize(t, shop.push(t))
		alone := shop.post(t, "/token", shop.redemption(callback.Query().Get("code")))
		require.Equal(t, http.StatusOK, alone.status, alone.body)
		require.Equal(t, http.StatusOK, shop.accounts(t, alone.body["access_token"].(string)).status)
	})
}

// One assertion, many pushes.
func (as *authserver) racePush(t *testing.T, shop *appClient) {
	form := shop.request()
	first := shop.posting(t, "/par", form)
	var requests [racers]*http.Request
	for i := range requests {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, first.URL.String(), strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Header = first.Header.Clone()
		shop.prove(t, r, "") // the proofs differ
		requests[i] = r
	}
	var got [racers]reply
	together(func(i int) { got[i] = shop.do(t, requests[i]) })
	created := 0
	for _, one := range got {
		if one.status == http.StatusCreated {
			created++
			continue
		}
		require.Equal(t, "401 invalid_client", fmt.Sprint(one.status, " ", one.body["error"]))
	}
	require.Equal(t, 1, created)
}
