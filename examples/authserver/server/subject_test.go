package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/ppid"
)

func newDeriver(t testing.TB) *ppid.Deriver {
	t.Helper()
	key := sha256.Sum256([]byte("pairwise"))
	deriver, err := ppid.NewDeriver(ppid.Config{Issuer: issuer, Epochs: []ppid.Epoch{{ID: "1", Key: key[:]}}})
	require.NoError(t, err)
	return deriver
}

// pairwise gives the server pairwise subjects.
func pairwise(t testing.TB) func(*server.Config) {
	return func(c *server.Config) { c.Subjects = newDeriver(t) }
}

func sectorOf(t testing.TB, uri string) ppid.Sector {
	t.Helper()
	sector, err := ppid.SectorOf(uri, nil)
	require.NoError(t, err)
	return sector
}

// register changes one client.
func register(id string, change func(*server.Client)) func(*server.Config) {
	return func(c *server.Config) {
		client := c.Clients[id]
		change(&client)
		c.Clients[id] = client
	}
}

// subjectOf is the sub of a client, after a look at everything that has one.
func (w *world) subjectOf(t testing.TB, c *client) string {
	t.Helper()
	opaque := w.flow(t, c)
	subject := claims(t, opaque.IDToken)["sub"].(string)
	readable := tokensOf(t, w.refresh(t, c, w.flow(t, c, "resource", payments)))
	require.Equal(t, subject, claims(t, readable.AccessToken)["sub"], "access token")
	require.Equal(t, subject, field(t, w.ask(t, payer(), readable.AccessToken, ""), "sub"), "introspection of a JWT")
	require.Equal(t, subject, field(t, w.ask(t, gateway(), opaque.AccessToken, ""), "sub"), "introspection")
	for _, got := range []tokens{opaque, readable} {
		require.Equal(t, subject, field(t, w.userinfo(t, c, http.MethodGet, got), "sub"), "userinfo")
	}
	return subject
}

func TestPairwiseSubjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withOpaque(t), pairwise(t),
		register("certified", func(c *server.Client) { c.Sector = sectorOf(t, "https://other.example/uris") }),
		register("signing", func(c *server.Client) { c.SubjectType = "public" }),
		register("older", func(c *server.Client) { c.SubjectType = "public" }))
	plain, other := w.subjectOf(t, w.the(t, "plain")), w.subjectOf(t, w.the(t, "other"))
	require.NotEqual(t, plain, other, "two hosts")
	require.Equal(t, other, w.subjectOf(t, w.the(t, "certified")), "one sector")
	public := w.subjectOf(t, w.the(t, "signing"))
	require.Equal(t, public, w.subjectOf(t, w.the(t, "older")), "public")
	require.NotContains(t, []string{plain, other}, public)
	want, err := newDeriver(t).Derive(sectorOf(t, "https://client.example/"), "4711")
	require.NoError(t, err)
	require.Equal(t, want, plain, "the sector is the host of the redirect URI")
	document := w.metadata(t, issuer+"/.well-known/openid-configuration")
	require.Equal(t, []any{"pairwise", "public"}, document["subject_types_supported"])
	document = newWorld(t, pairwise(t)).metadata(t, issuer+"/.well-known/openid-configuration")
	require.Equal(t, []any{"pairwise"}, document["subject_types_supported"])
}

// An API behind opaque tokens knows a user by one name, whoever brings the token, and
// no client ever sees that name.
func TestSectorOfAnAPI(t *testing.T) {
	t.Parallel()
	api := sectorOf(t, "https://api.example/")
	w := newWorld(t, withOpaque(t), pairwise(t), func(c *server.Config) {
		for _, id := range []string{"gateway", "payer"} {
			caller := c.ResourceServers[id]
			caller.Sector = api
			c.ResourceServers[id] = caller
		}
	})
	want, err := newDeriver(t).Derive(api, "4711")
	require.NoError(t, err)
	for _, id := range []string{"plain", "other"} {
		c := w.the(t, id)
		got := w.flow(t, c)
		require.Equal(t, want, field(t, w.ask(t, gateway(), got.AccessToken, ""), "sub"))
		require.Equal(t, want, claims(t, w.ask(t, gateway(), got.AccessToken, typePhantom).Body.String())["sub"])
		require.Equal(t, claims(t, got.IDToken)["sub"], field(t, w.userinfo(t, c, http.MethodGet, got), "sub"))
		readable := w.flow(t, c, "resource", payments)
		require.Equal(t, claims(t, readable.AccessToken)["sub"], field(t, w.ask(t, payer(), readable.AccessToken, ""), "sub"),
			"a JWT and what is said about it agree")
	}
}

// A client that moves to another host is told who is who.
func TestSectorMigration(t *testing.T) {
	t.Parallel()
	before := newWorld(t, withOpaque(t), pairwise(t))
	moved := register("plain", func(c *server.Client) { c.Sector = sectorOf(t, "https://new.example/") })
	after := newWorld(t, withOpaque(t), pairwise(t), moved)
	old, fresh := before.subjectOf(t, before.the(t, "plain")), after.subjectOf(t, after.the(t, "plain"))
	require.NotEqual(t, old, fresh)
	in := func(sector ppid.Sector) func(context.Context, string) (string, error) {
		return func(_ context.Context, account string) (string, error) { return newDeriver(t).Derive(sector, account) }
	}
	migration := ppid.Migration{ClientID: "plain", From: in(sectorOf(t, "https://client.example/")), To: in(sectorOf(t, "https://new.example/"))}
	from, to, err := migration.Pair(t.Context(), "plain", "4711")
	require.NoError(t, err)
	require.Equal(t, []string{old, fresh}, []string{from, to})
	// Or the sector is kept, and nothing changes.
	kept := newWorld(t, withOpaque(t), pairwise(t), register("plain", func(c *server.Client) {
		c.Sector = sectorOf(t, "https://client.example/")
		c.RedirectURIs = append(c.RedirectURIs, "https://new.example/cb")
	}))
	require.Equal(t, old, kept.subjectOf(t, kept.the(t, "plain")))
}

// received is everything that a client gets to see of a user.
func (w *world) received(t testing.TB, c *client) string {
	t.Helper()
	callback := w.authorize(t, c)
	var all strings.Builder
	all.WriteString(callback.URL.String())
	code := w.code(t, c, callback)
	response := w.redeem(t, c, code)
	got := tokensOf(t, response)
	readable := w.flow(t, c, "resource", payments)
	refreshed := w.refresh(t, c, got)
	for _, text := range []string{
		response.Body.String(), refreshed.Body.String(), readable.AccessToken, readable.IDToken,
		w.userinfo(t, c, http.MethodGet, got).Body.String(),
	} {
		all.WriteString("\n" + text)
	}
	return all.String()
}

var (
	jws        = regexp.MustCompile(`[\w-]+\.[\w-]+\.[\w-]+`)
	identifier = regexp.MustCompile(`[\w-]{16,}`)
)

// identifiers are all values, also in the JWTs of a text, that are long enough to
// single out a user, and the account, however short.
func identifiers(t testing.TB, text string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, token := range jws.FindAllString(text, -1) {
		if parsed, err := jose.Parse(token); err == nil {
			text += "\n" + string(parsed.Payload)
		}
	}
	for _, value := range identifier.FindAllString(jws.ReplaceAllString(text, " "), -1) {
		found[value] = true
	}
	if strings.Contains(text, "4711") || strings.Contains(text, base64.RawURLEncoding.EncodeToString([]byte("4711"))) {
		found["the account"] = true
	}
	return found
}

// shared are the identifiers that two clients can both see.
func (w *world) shared(t testing.TB, a, b string) (both []string) {
	t.Helper()
	seen := identifiers(t, w.received(t, w.the(t, a)))
	for value := range identifiers(t, w.received(t, w.the(t, b))) {
		if seen[value] && !ours[value] {
			both = append(both, value)
		}
	}
	return both
}

// ours are long words of the server and the test that say nothing about a user.
var ours = map[string]bool{
	"authorization_code": true, "refresh_token": true, "n-0S6_WzA2Mj": true,
}

func TestCorrelation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withOpaque(t), pairwise(t), logoutFor("plain", "other", "signing"))
	require.Empty(t, w.shared(t, "plain", "other"))
	require.Empty(t, w.shared(t, "plain", "signing"))
	// The controls: what there is to find is found.
	public := newWorld(t, withOpaque(t))
	subject := claims(t, public.flow(t, public.the(t, "plain")).IDToken)["sub"].(string)
	require.Equal(t, []string{subject}, public.shared(t, "plain", "other"))
	require.True(t, identifiers(t, `{"sub":"4711"}`)["the account"])
}
