//go:build linux

package interop_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGateway runs the same requests through every front, and straight to the
// gateway.
func TestGateway(t *testing.T) {
	t.Parallel()
	for column, f := range fronts {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			e := newEdge(t, f, column)
			e.spoofedFields(t)
			e.proofs(t)
			e.table(t, "I16 targets", targetRows())
			e.table(t, "I16 hosts", hostRows())
			e.table(t, "I16 hop-by-hop fields", hopRows(e.header()))
			e.table(t, "I17 sizes", sizeRows())
			e.table(t, "I18 authorization", authorizationRows())
			e.smuggling(t)
		})
	}
}

// edgeRow is a request. TOKEN in the text is that of the client, who has the
// certificate. What becomes of it stands in testdata/gateway/outcomes.tsv.
type edgeRow struct {
	name, text string
}

// edgeRequest is a GET of a target with further lines, each with its end.
func edgeRequest(target, lines string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: " + siteName + "\r\nAuthorization: Bearer TOKEN\r\n" + lines + "Connection: close\r\n\r\n"
}

// table sends each row as an honest client, with certificate and token. What gets
// through must be clean.
func (e *edge) table(t *testing.T, name string, rows []edgeRow) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		for _, row := range rows {
			token := e.token(e.client)
			v := edgeClient{edge: e, t: t, at: "careful", shows: &e.client}
			got := v.raw(strings.ReplaceAll(row.text, "TOKEN", token))
			e.requireOutcome(t, name, row.name, got)
			if got.status == 200 {
				got.requireClean(t, e.client, token, row.name)
			}
		}
	})
}

// spoofedFields sends fields that only proxy and gateway may write: as a thief, who
// has token and certificate of a client and not its key, and as that client.
func (e *edge) spoofedFields(t *testing.T) {
	forged := e.forge(e.client)
	t.Run("control: the honest client", func(t *testing.T) {
		thief, colleague, client := e.clients(t)
		token := e.token(e.client)
		got := client.get("/echo", token)
		require.Equal(t, "200", got.String())
		got.requireClean(t, e.client, token, "honest")
		require.Equal(t, "gateway 401", thief.get("/echo", token).String())
		require.Equal(t, "gateway 401", colleague.get("/echo", token).String())
	})
	t.Run("I16 fields with a certificate", func(t *testing.T) {
		t.Parallel()
		thief, colleague, client := e.clients(t)
		names := append([]string{e.header(), "Client-Cert", "Client-Cert-Chain"}, underscored("Client-Cert")...)
		names = append(names, underscored(e.header())...)
		names = append(names, "X-SSL-Cert", "X-SSL-Client-Cert", "SSL-Client-Cert", "X-Client-Cert", "X-ARR-ClientCert",
			"Client.Cert", "Client~Cert", "X-ClientCert", "X-SSLClientCert", "SSLClientCert", "WL-Proxy-Client-Cert",
			"X-Amzn-Mtls-Clientcert", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert")
		for _, name := range names {
			token := e.token(e.client)
			line := name + ": " + forged + "\r\n"
			for _, lines := range []string{line, line + line} {
				require.Equal(t, "gateway 401", thief.get("/echo", token, lines).String(), name)
				require.Equal(t, "gateway 401", colleague.get("/echo", token, lines).String(), name)
			}
			require.Equal(t, "gateway 401", thief.http2(token, strings.ToLower(name), forged).String(), name)
			got := client.get("/echo", token, name+": "+e.forge(e.colleague)+"\r\n")
			require.Equal(t, "200", got.String(), name)
			got.requireClean(t, e.client, token, name)
		}
	})
	t.Run("I16 other fields", func(t *testing.T) {
		t.Parallel()
		_, _, client := e.clients(t)
		for _, name := range []string{
			"DPoP", "Phantom-Evidence", "phantom_evidence", "X-SSL-Client-Verify", "X-Client-Thumbprint", "X-Forwarded-For",
			"X-Forwarded-Host", "X-Forwarded-User", "Forwarded", "X-Real-IP", "X-Original-URL", "X-Rewrite-URL",
			"X-HTTP-Method-Override", "X_Anything", "Remote-User", "True-Client-IP", "X.Anything",
			"CF-Connecting-IP", "Via",
		} {
			token := e.token(e.client)
			for _, got := range []edgeReply{
				client.get("/echo", token, name+": "+edgeMarker+"\r\n"), client.http2(token, strings.ToLower(name), edgeMarker),
			} {
				require.Equal(t, "200", got.String(), name)
				got.requireClean(t, e.client, token, name)
			}
		}
	})
	if e.format != "" {
		t.Run("I16 control: a careless proxy", func(t *testing.T) {
			t.Parallel()
			careless, _, _ := e.clients(t)
			careless.at = "careless"
			token := e.token(e.client)
			require.Equal(t, "gateway 401", careless.get("/echo", token).String())
			require.Equal(t, "200", careless.get("/echo", token, e.header()+": "+forged+"\r\n").String())
		})
		t.Run("I16 somebody else at the listener for the proxy", func(t *testing.T) {
			t.Parallel()
			token := e.token(e.client)
			thief, colleague, client := e.clients(t)
			for _, straight := range []edgeClient{thief, colleague, client} {
				straight.at = "proxied"
				require.Equal(t, "gateway 403", straight.get("/echo", token, e.header()+": "+forged+"\r\n").String())
			}
			asProxy := thief
			asProxy.at, asProxy.shows = "proxied", &e.proxy
			require.Equal(t, "200", asProxy.get("/echo", token, e.header()+": "+forged+"\r\n").String())
		})
	}
}

// clients are one without a certificate, and two with one.
func (e *edge) clients(t *testing.T) (thief, colleague, client edgeClient) {
	thief = edgeClient{edge: e, t: t, at: "careful"}
	colleague, client = thief, thief
	colleague.shows, client.shows = &e.colleague, &e.client
	return thief, colleague, client
}
