package fapi

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

type decision struct {
	ID          string
	NBF, EXP    *int64
	Aud         any
	Accept      *bool
	FAPI1       any
	FAPI2       any
	OffsetS     int64  `json:"offset_s"`
	Explanation string `json:"why"`
}

func (d decision) name() string {
	if d.ID != "" {
		return d.ID
	}
	return fmt.Sprintf("offset %d s", d.OffsetS)
}

// TestDecisions evaluates the tables with the figures of Rules, and with the
// checks where these decide the same.
func TestDecisions(t *testing.T) {
	t.Parallel()
	var file struct {
		Now     int64
		Vectors []struct {
			ID   string
			Rows []decision
		}
	}
	readVectors(t, "decision-tables.json", &file)
	evaluate := map[string]func(*testing.T, decision){
		"request-object-window": func(t *testing.T, d decision) { decideWindow(t, file.Now, d) },
		"request-object-aud":    decideObjectAudience,
		"client-assertion-aud":  decideAssertionAudience,
		"iat-nbf-future-skew":   decideFuture,
	}
	require.Len(t, file.Vectors, len(evaluate))
	for _, table := range file.Vectors {
		require.Contains(t, evaluate, table.ID)
		for _, row := range table.Rows {
			t.Run(table.ID+"/"+row.name(), func(t *testing.T) {
				t.Parallel()
				evaluate[table.ID](t, row)
			})
		}
	}
}

// future is what the rules say of a time that lies ahead: true, false, or nil
// for either.
func future(r Rules, seconds int64) *bool {
	switch ahead := float64(seconds); {
	case ahead <= r.FutureAccepted.Seconds():
		return new(true)
	case ahead > r.FutureRefused.Seconds():
		return new(false)
	}
	return nil
}

func decideWindow(t *testing.T, now int64, d decision) {
	for _, profile := range []Profile{FAPI2MessageSigning, FAPI1Advanced} {
		r, err := profile.Rules()
		require.NoError(t, err)
		got := new(false)
		if d.NBF != nil && d.EXP != nil && *d.EXP > now && float64(*d.EXP-*d.NBF) <= r.RequestObjectLifetime.Seconds() &&
			float64(now-*d.NBF) <= r.RequestObjectAge.Seconds() {
			got = future(r, *d.NBF-now)
		}
		if profile == FAPI1Advanced && d.NBF != nil && *d.NBF > now {
			continue // FAPI 1.0 has no figures for clocks that are fast
		}
		require.Equal(t, d.Accept, got, profile)
	}
	e := messageSigningExchange()
	claim("nbf", orNil(d.NBF))(e)
	claim("exp", orNil(d.EXP))(e)
	found, err := e.check(FAPI2MessageSigning)
	require.NoError(t, err)
	isWrong := d.NBF == nil || d.EXP == nil || *d.EXP-*d.NBF > 3600
	require.Equal(t, isWrong, len(found) > 0, "%+v", found)
}

func orNil(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// resolve puts this server's URLs in place of their names.
func resolve(aud any) any {
	switch aud := aud.(type) {
	case string:
		return strings.NewReplacer("MTLS_TOKEN_ENDPOINT", "https://mtls.as.example/token", "TOKEN_ENDPOINT", issuer+"/token",
			"PAR_ENDPOINT", issuer+"/par", "ISSUER", issuer).Replace(aud)
	case []any:
		resolved := []any{}
		for _, item := range aud {
			resolved = append(resolved, resolve(item))
		}
		return resolved
	}
	return aud
}

func decideObjectAudience(t *testing.T, d decision) {
	for profile, good := range map[Profile]func() *exchange{FAPI2MessageSigning: messageSigningExchange, FAPI1Advanced: advancedExchange} {
		e := good()
		claim("aud", resolve(d.Aud))(e)
		found, err := e.check(profile)
		require.NoError(t, err)
		require.Equal(t, *d.Accept, len(found) == 0, "%+v", found)
		rules, err := profile.Rules()
		require.NoError(t, err)
		require.True(t, rules.SignedRequests)
	}
}

func decideAssertionAudience(t *testing.T, d decision) {
	for profile, want := range map[Profile]any{FAPI2Security: d.FAPI2, FAPI2MessageSigning: d.FAPI2, FAPI1Advanced: d.FAPI1} {
		if want == "policy" {
			continue
		}
		rules, err := profile.Rules()
		require.NoError(t, err)
		// The exchange below is at the PAR endpoint.
		require.Equal(t, want == true || want == "at PAR endpoint only", acceptsAudience(rules.AssertionAudience, resolve(d.Aud)), profile)
	}
	e := securityExchange()
	e.assertion["aud"] = resolve(d.Aud)
	found, err := e.check(FAPI2Security)
	require.NoError(t, err)
	require.Equal(t, d.FAPI2 == true, len(found) == 0, "%+v", found)
}

func acceptsAudience(rule Audience, aud any) bool {
	if rule == IssuerOnly {
		return aud == issuer
	}
	items, ok := aud.([]any)
	if !ok {
		items = []any{aud}
	}
	return slices.ContainsFunc(items, func(item any) bool {
		return item == issuer || item == issuer+"/token" || item == issuer+"/par"
	})
}

func decideFuture(t *testing.T, d decision) {
	for _, profile := range []Profile{FAPI2Security, FAPI2MessageSigning} {
		rules, err := profile.Rules()
		require.NoError(t, err)
		want := map[any]*bool{"accept": new(true), "reject": new(false), "n/a": new(true), "either": nil}
		require.Contains(t, want, d.FAPI2)
		require.Equal(t, want[d.FAPI2], future(rules, d.OffsetS))
	}
}

func TestMetadataURLVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Kind, Input, URL, Expected, Got string
			OIDC                            string `json:"oidc_append"`
			Equal                           bool
		}
	}
	readVectors(t, "metadata-urls.json", &file)
	require.Len(t, file.Vectors, 17)
	for i, v := range file.Vectors {
		t.Run(fmt.Sprintf("%d %s %s%+q", i, v.Kind, v.Input, v.Got), func(t *testing.T) {
			t.Parallel()
			switch v.Kind {
			case "rfc8414":
				oauth, openID, err := MetadataURLs(v.Input)
				require.NoError(t, err)
				require.Equal(t, []string{v.URL, v.OIDC}, []string{oauth, openID})
			case "rfc9728":
				got, err := ResourceMetadataURL(v.Input)
				require.NoError(t, err)
				require.Equal(t, v.URL, got)
			case "issuer-compare":
				// What names another issuer is a finding, and what is no ASCII URL
				// is no issuer.
				e := securityExchange()
				e.issuer, e.assertion["aud"] = v.Expected, v.Got
				found, err := e.check(FAPI2Security)
				require.Equal(t, v.Equal, err == nil && len(found) == 0, "%v %+v", err, found)
			default:
				require.Fail(t, v.Kind)
			}
		})
	}
}
