package dpop_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
)

func TestTargetMismatch(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"D15 http":                       "http://api.bank.example/accounts",
		"D15 wss":                        "wss://api.bank.example/accounts",
		"D15 other path":                 apiOrigin + "/payments",
		"D15 longer path":                apiOrigin + "/accounts/1",
		"D15 shorter path":               apiOrigin + "/account",
		"D15 other port":                 "https://api.bank.example:8443/accounts",
		"D15 port of http":               "https://api.bank.example:80/accounts",
		"D15 leading zero port":          "https://api.bank.example:0443/accounts",
		"D15 sub-domain":                 "https://x.api.bank.example/accounts",
		"D15 parent domain":              "https://bank.example/accounts",
		"D15 suffix host":                "https://api.bank.example.evil/accounts",
		"D15 prefix host":                "https://evil-api.bank.example/accounts",
		"D15 host in the path":           "https://evil.example/https://api.bank.example/accounts",
		"D15 host in the query":          "https://evil.example/?https://api.bank.example/accounts",
		"D18 double slash":               apiOrigin + "//accounts",
		"D18 trailing slash":             apiOrigin + "/accounts/",
		"D18 encoded slash":              apiOrigin + "%2Faccounts",
		"D18 encoded slash in the path":  apiOrigin + "/x/..%2Faccounts",
		"D18 path parameter":             apiOrigin + "/accounts;x",
		"D18 backslash":                  `https://api.bank.example\\accounts`,
		"D18 backslash in the path":      apiOrigin + `/x\\..\\accounts`,
		"D18 upper-case path":            apiOrigin + "/Accounts",
		"D18 dot behind the host":        "https://api.bank.example./accounts",
		"D18 userinfo":                   "https://api@api.bank.example/accounts",
		"D18 host as userinfo":           "https://api.bank.example@evil.example/accounts",
		"D18 empty userinfo":             "https://@api.bank.example/accounts",
		"D18 encoded host":               "https://api%2Ebank.example/accounts",
		"D18 doubly encoded":             apiOrigin + "/%2561ccounts",
		"D18 raw space":                  apiOrigin + "/accounts ",
		"D18 leading space":              " " + apiURL,
		"D18 tab":                        apiOrigin + `/acc\tounts`,
		"D18 NUL":                        apiURL + `\u0000`,
		"D18 line break":                 apiURL + `\r\n`,
		"D18 fullwidth host":             `https://\uff41pi.bank.example/accounts`,
		"D18 ideographic full stop":      `https://api\u3002bank.example/accounts`,
		"D18 bad escape":                 apiOrigin + "/accounts%",
		"D18 bad escape in hex":          apiOrigin + "/%6xccounts",
		"D19 empty":                      "",
		"D19 relative":                   "/accounts",
		"D19 scheme-relative":            "//api.bank.example/accounts",
		"D19 no scheme":                  "api.bank.example/accounts",
		"D19 scheme only":                "https:",
		"D19 scheme and slashes":         "https://",
		"D19 no authority":               "https:///accounts",
		"D19 one slash":                  "https:/api.bank.example/accounts",
		"D19 open bracket":               "http://[::1",
		"D19 script":                     "javascript:alert(1)",
		"D19 only a query":               "?https://api.bank.example/accounts",
		"D19 empty host and port":        "https://:443/accounts",
		"D19 bad port":                   "https://api.bank.example:x/accounts",
		"D19 two ports":                  "https://api.bank.example:443:443/accounts",
		"D19 4 KiB of dots":              apiOrigin + strings.Repeat("/..", 1300) + "/payments",
		"D19 4 KiB of escapes":           apiOrigin + "/" + strings.Repeat("%61", 1300),
		"D19 control characters":         `https://api.bank.example/\u0001`,
		"D19 not ASCII":                  apiOrigin + `/\u00e4ccounts`,
		"D22 another server of the bank": "https://other.bank.example/accounts",
	}
	for name, htu := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(proofWith(t, claimsNow().with("htu", `"`+htu+`"`))), dpop.ErrTarget)
			g.acceptHonest(t)
		})
	}
	t.Run("D19 64 KiB", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.refuse(t, get(proofWith(t, claimsNow().with("htu", quote(apiURL+strings.Repeat("/a", 32768))))), dpop.ErrMalformed)
		g.acceptHonest(t)
	})
}

func TestTargetMatch(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, htu, url string }{
		{"D16 query and fragment in htu", apiURL + "?a=b#c", apiURL},
		{"D16 another query in the request", apiURL + "?a=b#c", apiURL + "?page=2&x=%zz"},
		{"D16 empty query and fragment", apiURL + "?#", apiURL + "?"},
		{"D16 userinfo in the query", apiURL + "?u@evil.example/", apiURL},
		{"D17 upper-case scheme and host", "HTTPS://API.Bank.Example/accounts", apiURL},
		{"D17 default port", "https://api.bank.example:443/accounts", apiURL},
		{"D17 empty port", "https://api.bank.example:/accounts", apiURL},
		{"D17 escaped unreserved", apiOrigin + "/%7Euser", apiOrigin + "/~user"},
		{"D17 escaped unreserved in the request", apiOrigin + "/~user", apiOrigin + "/%7euser"},
		{"D17 escapes of either case", apiOrigin + "/a%2fb", apiOrigin + "/a%2Fb"},
		{"D17 empty path", apiOrigin, apiOrigin + "/"},
		{"D17 slash", apiOrigin + "/", apiOrigin},
		{"D17 dot segments", apiOrigin + "/x/../accounts", apiURL},
		{"D17 escaped dot segments", apiOrigin + "/x/%2E%2e/accounts", apiURL},
		{"D17 dot segments in the request", apiURL, apiOrigin + "/x/../accounts"},
		{"D17 an escape that has to stay", apiOrigin + "/r%C3%A9sum%C3%A9", apiOrigin + "/résumé"},
		{"D17 both with double slash", apiOrigin + "//a", apiOrigin + "//a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.accept(t, request("GET", test.url, proofWith(t, claimsNow().with("htu", quote(test.htu)))))
			g.refuse(t, request("GET", test.url, proofWith(t, claimsNow().with("htu", quote(apiOrigin+"/other")))), dpop.ErrTarget)
		})
	}
	t.Run("D18 an escaped slash in the request is no slash", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.refuse(t, request("GET", apiOrigin+"/a%2Fb", proofWith(t, claimsNow().with("htu", quote(apiOrigin+"/a/b")))), dpop.ErrTarget)
		g.accept(t, request("GET", apiOrigin+"/a%2Fb", proofWith(t, claimsNow().with("htu", quote(apiOrigin+"/a%2Fb")))))
	})
}

func TestTargetIsConfigured(t *testing.T) {
	t.Parallel()
	const evilURL = "https://evil.example/accounts"
	evil := func(t *testing.T) string { return proofWith(t, claimsNow().with("htu", quote(evilURL))) }
	foreign := func(c *dpop.VerifierConfig) { c.Origins = []string{"https://evil.example"} }
	t.Run("D20 Host of the attacker", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		r := request("GET", evilURL, evil(t)) // Host and URL.Host are the attacker's
		g.refuse(t, r, dpop.ErrTarget)
		r = get(honest(t))
		r.Host = "evil.example"
		g.accept(t, r)
		newGate(t, foreign).accept(t, request("GET", evilURL, evil(t)))
	})
	for name, value := range map[string]string{
		"X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/v1",
		"X-Forwarded-Port": "8443", "Forwarded": "host=evil.example;proto=https", "X-Original-URL": "/x", "X-Rewrite-URL": "/x",
		"X-Forwarded-Uri": "/x", "X-Original-Host": "evil.example",
	} {
		t.Run("D21 "+name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			for _, htu := range []string{
				evilURL, "http://api.bank.example/accounts", "https://api.bank.example:8443/accounts",
				apiOrigin + "/v1/accounts", apiOrigin + "/x",
			} {
				r := get(proofWith(t, claimsNow().with("htu", quote(htu))))
				r.Header.Set(name, value)
				g.refuse(t, r, dpop.ErrTarget)
			}
			r := get(honest(t))
			r.Header.Set(name, value)
			g.accept(t, r)
		})
	}
	t.Run("D22 a proof for /par at /token", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof := dpoptest.Proof(t, client, "POST", asOrigin+"/par", "")
		_, err := g.VerifyTokenRequest(request("POST", tokenURL, proof))
		requireRule(t, err, dpop.ErrTarget)
		require.Zero(t, g.store.size())
		_, err = g.VerifyTokenRequest(request("POST", asOrigin+"/par", proof))
		require.NoError(t, err)
	})
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	t.Run("a prefix that the proxy strips", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, func(c *dpop.VerifierConfig) { c.Origins = []string{"https://bank.example/api/"} })
		seen := func(htu string) []string { return []string{proofWith(t, claimsNow().with("htu", quote(htu)))} }
		g.accept(t, request("GET", "http://10.0.0.1/accounts", seen("https://bank.example/api/accounts")...))
		g.refuse(t, request("GET", "http://10.0.0.1/accounts", seen("https://bank.example/accounts")...), dpop.ErrTarget)
		g.refuse(t, request("GET", "http://10.0.0.1/accounts", seen("https://bank.example/apiaccounts")...), dpop.ErrTarget)
		g.refuse(t, request("GET", "http://10.0.0.1/api/accounts", seen("https://bank.example/api/accounts")...), dpop.ErrTarget)
		g.accept(t, request("GET", "http://10.0.0.1/", seen("https://bank.example/api/")...))
	})
	t.Run("several", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, func(c *dpop.VerifierConfig) { c.Origins = []string{apiOrigin, "https://mtls.bank.example:8443/v1"} })
		g.accept(t, get(proofWith(t, claimsNow().with("htu", `"https://mtls.bank.example:8443/v1/accounts"`))))
		g.acceptHonest(t)
		// The prefix belongs to its own origin.
		g.refuse(t, get(proofWith(t, claimsNow().with("htu", quote(apiOrigin+"/v1/accounts")))), dpop.ErrTarget)
	})
	t.Run("loopback may be http", func(t *testing.T) {
		t.Parallel()
		for _, origin := range []string{"http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"} {
			g := newGate(t, func(c *dpop.VerifierConfig) { c.Origins = []string{origin} })
			g.accept(t, get(proofWith(t, claimsNow().with("htu", quote(origin+"/accounts")))))
		}
	})
	t.Run("a proxy misconfigured shows in the log, not in the error", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		refused := g.refuse(t, get(proofWith(t, claimsNow().with("htu", `"https://internal.example/\n`+strings.Repeat("x", 3000)+`"`))), dpop.ErrTarget)
		require.NotContains(t, refused.Error(), "internal")
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "error", refused)
		require.Contains(t, log.String(), "internal.example")
		require.Contains(t, log.String(), apiURL)
		require.Equal(t, 1, strings.Count(log.String(), "\n"))
		require.Less(t, log.Len(), 1000)
	})
}
