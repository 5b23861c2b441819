package par_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/par"
)

func TestVectorsRFC9126(t *testing.T) {
	t.Parallel()
	var file struct {
		HTTP struct {
			Request struct {
				Params map[string]string `json:"params"`
			} `json:"request_2.1"`
			Response struct {
				Status int `json:"status"`
			} `json:"response_2.2"`
			Error struct {
				Status int            `json:"status"`
				Body   map[string]any `json:"body"`
			} `json:"error_2.3"`
		} `json:"http"`
	}
	readFile(t, "rfc9126.json", &file)
	s := newServer(t)
	s.registry.redirect["s6BhdRkqt3"] = []string{"https://client.example.org/cb"}
	f := url.Values{}
	for name, value := range file.HTTP.Request.Params {
		f.Set(name, value)
	}
	r := pushRequest(f.Encode())
	r.Header.Set("Test-Client", "s6BhdRkqt3")
	w := s.serve(r)
	require.Equal(t, file.HTTP.Response.Status, w.Code)
	request, err := s.Consume(t.Context(), "s6BhdRkqt3", requireCreated(t, w))
	require.NoError(t, err)
	require.Equal(t, f, request.Params())

	delete(s.registry.redirect, "s6BhdRkqt3")
	s.registry.redirect["s6BhdRkqt3"] = []string{"https://another.example.org/cb"}
	r = pushRequest(f.Encode())
	r.Header.Set("Test-Client", "s6BhdRkqt3")
	requireOAuthError(t, s.serve(r), file.HTTP.Error.Status, file.HTTP.Error.Body["error"].(string))
}

func TestVectorsRFC7636(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID        string `json:"id"`
			Verifier  string `json:"code_verifier"`
			Challenge string `json:"code_challenge"`
			Method    string `json:"method"`
		} `json:"vectors"`
	}
	readFile(t, "rfc7636.json", &file)
	require.Len(t, file.Vectors, 8)
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			body := form("code_challenge", v.Challenge, "code_challenge_method", v.Method).Encode()
			if v.ID == "padded-challenge" { // what is wrong with the others is the verifier's, at the token endpoint
				requireOAuthError(t, s.push(body), http.StatusBadRequest, "invalid_request")
				return
			}
			require.Equal(t, v.Challenge, s.works(t, requireCreated(t, s.push(body))).Params().Get("code_challenge"))
			if v.ID != "plain-replay" {
				require.Equal(t, v.Challenge, oauth2.S256ChallengeFromVerifier(v.Verifier), "the client computes it")
			}
		})
	}
}

func TestVectorsParameters(t *testing.T) {
	t.Parallel()
	var file struct {
		Known   []string `json:"known_types"`
		Vectors []struct {
			ID        string   `json:"id"`
			Kind      string   `json:"kind"`
			Query     string   `json:"query"`
			Resource  string   `json:"resource"`
			Resources []string `json:"resources"`
			Encoded   string   `json:"encoded"`
			Value     string   `json:"value"`
			Error     string   `json:"error"`
		} `json:"vectors"`
	}
	readFile(t, "parameters.json", &file)
	require.Len(t, file.Vectors, 16)
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			// As request objects, since empty values get through there.
			s := newServer(t, func(c *par.HandlerConfig) { c.RequestObjects = &objects{} })
			inner := form()
			switch v.Kind {
			case "multi-resource":
				query, err := url.ParseQuery(v.Query)
				require.NoError(t, err)
				require.Equal(t, v.Resources, query["resource"])
				inner["resource"] = query["resource"]
			case "resource":
				inner["resource"] = []string{v.Resource}
			case "authorization_details":
				text, err := url.QueryUnescape(v.Encoded)
				require.NoError(t, err)
				inner.Set("authorization_details", text)
			default:
				inner.Set("authorization_details", v.Value)
			}
			w := s.push(url.Values{"client_id": {"client-1"}, "request": {inner.Encode()}}.Encode())
			switch {
			case v.ID == "ad-unknown-type": // which types there are is the policy's to say
				requireCreated(t, w)
				require.False(t, slices.Contains(file.Known, "nope"))
			case v.Error != "":
				requireOAuthError(t, w, http.StatusBadRequest, v.Error)
				require.Equal(t, 0, s.store.puts())
			default:
				require.Equal(t, inner, s.works(t, requireCreated(t, w)).Params())
			}
		})
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[{"type":"a","type":"b"}]`, `[{"type":"a","x":{"amount":1,"amount":2}}]`, `[{"type":"a"}],"x":[{"type":"b"}]`, `[{"type":"a"}]}`,
		`[null]`, `null`, `["a"]`, `[{"Type":"a"}]`, `[{"type":""}]`, `[{"type":null}]`, `[{"\u0074ype":"a","type":"b"}]`, `[[{"type":"a"}]]`,
	} {
		newServer(t).refusesForm(t, par.ErrDetails, "invalid_authorization_details", "authorization_details", text)
	}
	s := newServer(t)
	const exact = ` [ {"type":"a","amount":123.50,"n":12345678901234567890} ] `
	require.Equal(t, exact, s.works(t, s.pushed(t, "authorization_details", exact)).Params().Get("authorization_details"))
}
