package clienttest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/jarm"
)

// Attack is an address at which the browser comes back, in place of the victim's.
type Attack struct {
	Change Change
	Rule   error // what refuses it
}

// Change makes the query of that address out of two genuine ones: the victim's, and
// that of a thief who has begun a login of their own, at the same client.
type Change func(victim, thief url.Values) url.Values

// Attacks are those on answers with plain parameters.
func Attacks() map[string]Attack {
	return map[string]Attack{
		"J02 the code of another server, which says so":  {set("iss", "https://thief.example"), jarm.ErrIssuer},
		"J02 an answer without iss":                      {set("iss", ""), jarm.ErrIssuer},
		"J06 another state":                              {set("state", "guessed"), jarm.ErrState},
		"J06 no state":                                   {set("state", ""), jarm.ErrState},
		"J09 the thief's answer in the victim's browser": {swapped, jarm.ErrState},
		"J12 an error that anybody could write":          {forgedError, jarm.ErrIssuer},
		"J12 an error beside the code":                   {set("error", "access_denied"), jarm.ErrMalformed},
	}
}

// SignedAttacks are those on answers that are JWTs.
func SignedAttacks() map[string]Attack {
	unsigned := func(victim, thief url.Values) url.Values { return Injected(inside(victim), inside(thief)) }
	return map[string]Attack{
		"J05 a changed signature":                        {tampered, jarm.ErrSignature},
		"J09 the thief's answer in the victim's browser": {swapped, jarm.ErrState},
		"J10 plain parameters instead of the JWT":        {unsigned, jarm.ErrMode},
		"J10 plain parameters beside the JWT":            {set("code", "stolen"), jarm.ErrMode},
	}
}

// set gives a parameter another value, or takes it away.
func set(name, value string) Change {
	return func(victim, _ url.Values) url.Values {
		if victim.Del(name); value != "" {
			victim.Set(name, value)
		}
		return victim
	}
}

func swapped(_, thief url.Values) url.Values { return thief }

func forgedError(victim, _ url.Values) url.Values {
	return url.Values{"error": {"access_denied"}, "state": victim["state"]}
}

// Injected is the thief's code in a plain answer that is the victim's otherwise.
func Injected(victim, thief url.Values) url.Values {
	return url.Values{"iss": victim["iss"], "state": victim["state"], "code": thief["code"]}
}

// tampered has another first octet in the signature.
func tampered(victim, _ url.Values) url.Values {
	response := victim.Get("response")
	start := strings.LastIndexByte(response, '.') + 1
	other := "A"
	if response[start:start+1] == other {
		other = "Q"
	}
	return url.Values{"response": {response[:start] + other + response[start+1:]}}
}

// inside are the parameters of the JWT, for whoever has read it.
func inside(victim url.Values) url.Values {
	claims := struct{ Iss, State, Code string }{}
	parts := strings.Split(victim.Get("response"), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[len(parts)/2])
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Code == "" {
		panic("the server's answer is no JWT with a code")
	}
	return url.Values{"iss": {claims.Iss}, "state": {claims.State}, "code": {claims.Code}}
}

// Refuses shows that a client at this server makes no token request for any of
// the attacks, and that the genuine answer still counts afterwards, once.
func Refuses(t *testing.T, newClient NewClient, kind Server, attacks map[string]Attack) {
	t.Helper()
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, victim, genuine := stage(t, newClient, kind, attack.Change)
			require.Contains(t, w.log.last(), attack.Rule.Error())
			require.Zero(t, w.count("POST /token"), "nothing was sent")
			status, _ := victim.open(t, genuine)
			require.Equal(t, http.StatusSeeOther, status, w.log.last())
			require.True(t, victim.accounts(t), w.log.last())
		})
	}
	t.Run("J08 the same answer twice", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, kind)
		client, err := newClient(t.Context(), w.config)
		require.NoError(t, err)
		p := w.newPerson(t, client)
		callback := p.begin(t)
		p.open(t, callback)
		sent := w.count("POST /token")
		require.Positive(t, sent)
		status, _ := p.open(t, callback)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, sent, w.count("POST /token"))
	})
	t.Run("a person who cancels", func(t *testing.T) {
		t.Parallel()
		cancels(t, newClient, kind)
	})
}

// Falls is the control: this client, a step too early, sends the code.
func Falls(t *testing.T, newClient NewClient, kind Server, name string, change Change) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		w, _, _ := stage(t, newClient, kind, change)
		require.Positive(t, w.count("POST /token"), w.log.last())
	})
}

// stage has the victim's browser come back as the thief wants it.
func stage(t *testing.T, newClient NewClient, kind Server, change Change) (w *world, victim *person, genuine string) {
	t.Helper()
	w = newWorld(t, kind)
	client, err := newClient(t.Context(), w.config)
	require.NoError(t, err)
	victim = w.newPerson(t, client)
	genuine = victim.begin(t)
	changed, err := url.Parse(genuine)
	require.NoError(t, err)
	others, err := url.Parse(w.newPerson(t, client).begin(t))
	require.NoError(t, err)
	changed.RawQuery = change(changed.Query(), others.Query()).Encode()
	victim.open(t, changed.String())
	return w, victim, genuine
}

// cancels: an error of the server itself ends the login, without a token request.
func cancels(t *testing.T, newClient NewClient, kind Server) {
	t.Helper()
	w := newWorld(t, kind)
	client, err := newClient(t.Context(), w.config)
	require.NoError(t, err)
	p := w.newPerson(t, client)
	location, ok := p.press(t)
	require.True(t, ok, w.log.last())
	callback := p.cancel(t, location)
	status, _ := p.open(t, callback)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, w.log.last(), "access_denied")
	p.open(t, callback)
	require.NotContains(t, w.log.last(), "access_denied", "the login has ended")
	require.Zero(t, w.count("POST /token"))
	require.Equal(t, Accounts, p.use(t))
}
