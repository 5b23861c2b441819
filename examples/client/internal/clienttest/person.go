package clienttest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/internal/browser"
)

const front = "https://client.example"

// person uses the client with a browser, and has another one's cookies at the
// authorization server.
type person struct {
	world *world
	agent *http.Client
	bank  *browser.Browser
}

func (w *world) newPerson(t *testing.T, client http.Handler) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := w.config.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	bank, err := browser.New(w.config.Issuer, transport)
	require.NoError(t, err)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{world: w, bank: bank, agent: &http.Client{Transport: browser.InProcess(client), Jar: jar, CheckRedirect: stay}}
}

// press presses the button of the client, and returns where the browser goes.
func (p *person) press(t *testing.T) (location string, ok bool) {
	t.Helper()
	response, err := p.agent.Post(front+"/login", "application/x-www-form-urlencoded", nil)
	require.NoError(t, err)
	response.Body.Close()
	return response.Header.Get("Location"), response.StatusCode == http.StatusSeeOther
}

// approve logs in at the server, and returns the address that the browser then
// goes to, at the client.
func (p *person) approve(t *testing.T, location string) (callback string, err error) {
	t.Helper()
	page, err := p.bank.Open(t.Context(), location)
	require.NoError(t, err)
	if page.Callback != nil {
		return page.Callback.URL.String(), nil
	}
	if code := page.URL.Query().Get("error"); code != "" {
		return "", fmt.Errorf("%s: %s", page.URL.Path, code)
	}
	request, err := p.bank.Authorize(t.Context(), location, "alice", "wonderland")
	require.NoError(t, err)
	return request.URL.String(), nil
}

// cancel is approve for somebody who does not want to.
func (p *person) cancel(t *testing.T, location string) (callback string) {
	t.Helper()
	page, err := p.bank.Open(t.Context(), location)
	require.NoError(t, err)
	page, err = page.Press(t.Context(), "cancel")
	require.NoError(t, err)
	require.NotNil(t, page.Callback)
	return page.Callback.URL.String()
}

// begin goes as far as the callback, which is not opened yet.
func (p *person) begin(t *testing.T) (callback string) {
	t.Helper()
	location, ok := p.press(t)
	require.True(t, ok, p.world.log.last())
	callback, err := p.approve(t, location)
	require.NoError(t, err)
	return callback
}

// open opens a page of the client.
func (p *person) open(t *testing.T, address string) (status int, body string) {
	t.Helper()
	response, err := p.agent.Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// accounts reports whether the front page shows them.
func (p *person) accounts(t *testing.T) bool {
	t.Helper()
	_, body := p.open(t, front+"/")
	return strings.Contains(body, "DE-4711")
}

// use goes all the way, and says how it ended.
func (p *person) use(t *testing.T) (outcome string) {
	t.Helper()
	location, ok := p.press(t)
	if !ok {
		return "no request: " + p.world.log.last()
	}
	callback, err := p.approve(t, location)
	if err != nil {
		return "refused at " + err.Error()
	}
	if status, _ := p.open(t, callback); status != http.StatusSeeOther {
		return "no token: " + p.world.log.last()
	}
	if !p.accounts(t) {
		return "no accounts: " + p.world.log.last()
	}
	return Accounts
}
