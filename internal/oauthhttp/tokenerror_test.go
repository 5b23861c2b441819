package oauthhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type refusal struct{ code, text string }

func (e *refusal) Error() string     { return e.text }
func (e *refusal) OAuthCode() string { return e.code }

func decodeError(t *testing.T, w *httptest.ResponseRecorder) map[string]string {
	t.Helper()
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "no-cache", w.Header().Get("Pragma"))
	var body map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	return body
}

func TestWriteTokenError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name              string
		status            int
		code, description string
		wantStatus        int
		want              map[string]string
	}{
		{"plain", 400, "invalid_grant", "fixed text", 400, map[string]string{"error": "invalid_grant", "error_description": "fixed text"}},
		{"no description", 401, "invalid_client", "", 401, map[string]string{"error": "invalid_client"}},
		{"no code", 503, "", "", 503, map[string]string{"error": "server_error"}},
		{"status that is no error", 200, "invalid_grant", "", 500, map[string]string{"error": "invalid_grant"}},
		{"status 0", 0, "invalid_grant", "", 500, map[string]string{"error": "invalid_grant"}},
		{"status out of range", 1000, "invalid_grant", "", 500, map[string]string{"error": "invalid_grant"}},
		{"D51 E-28 charset", 400, "a\"\n", "b\\\"\r\n\x00\u00e9\xff<", 400, map[string]string{"error": "a??", "error_description": "b???????<"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			w.Header().Set("DPoP-Nonce", "kept")
			WriteTokenError(w, tc.status, tc.code, tc.description)
			assert.Equal(t, tc.wantStatus, w.Code)
			assert.Equal(t, "kept", w.Header().Get("DPoP-Nonce"))
			assert.Equal(t, tc.want, decodeError(t, w))
		})
	}
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	const inside = "secret \"inside\"\r\nof the server"
	for _, tc := range []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"nil", nil, 503, "server_error"},
		{"store down", errors.New(inside), 503, "server_error"},
		{"method", ErrMethod, 405, "invalid_request"},
		{"size", ErrTooLarge, 413, "invalid_request"},
		{"content type", ErrContentType, 400, "invalid_request"},
		{"wrapped form error", fmt.Errorf(inside+": %w", ErrRepeated), 400, "invalid_request"},
		{"client", &refusal{"invalid_client", inside}, 401, "invalid_client"},
		{"wrapped client", fmt.Errorf(inside+": %w", &refusal{"invalid_client", inside}), 401, "invalid_client"},
		{"joined client", errors.Join(errors.New(inside), &refusal{"invalid_client", inside}), 401, "invalid_client"},
		{"nonce", &refusal{"use_dpop_nonce", inside}, 400, "use_dpop_nonce"},
		{"unknown code", &refusal{"some_extension", inside}, 400, "some_extension"},
		{"empty code", &refusal{"", inside}, 503, "server_error"},
		{"server_error is no 400", &refusal{"server_error", inside}, 503, "server_error"},
		{"temporarily_unavailable", &refusal{"temporarily_unavailable", inside}, 503, "temporarily_unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			WriteError(w, tc.err)
			assert.Equal(t, tc.status, w.Code)
			body := decodeError(t, w)
			assert.Equal(t, tc.code, body["error"])
			assert.NotContains(t, w.Body.String(), "secret", "D51: nothing from the inside goes out")
			assert.NotContains(t, w.Body.String(), "oauthhttp")
			if tc.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "POST", w.Header().Get("Allow"), "P02")
			} else {
				assert.Empty(t, w.Header().Get("Allow"))
			}
		})
	}
	t.Run("B-5 one body whatever the reason", func(t *testing.T) {
		t.Parallel()
		first, second := httptest.NewRecorder(), httptest.NewRecorder()
		WriteError(first, &refusal{"invalid_client", "unknown client"})
		WriteError(second, &refusal{"invalid_client", "bad signature"})
		require.Equal(t, first.Body.String(), second.Body.String())
		require.Equal(t, first.Header(), second.Header())
		other := httptest.NewRecorder()
		WriteError(other, &refusal{"invalid_grant", "unknown client"})
		require.NotEqual(t, first.Body.String(), other.Body.String(), "control: another code, another body")
	})
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
		"invalid_scope", "invalid_dpop_proof", "use_dpop_nonce", "invalid_request_object", "invalid_request_uri",
		"invalid_target", "invalid_authorization_details", "server_error", "temporarily_unavailable",
	} {
		description := descriptionOf(code)
		assert.NotEmpty(t, description, code)
		assert.Equal(t, printable(description), description, code)
	}
	assert.Empty(t, descriptionOf("some_extension"))
}

// The whole of it over a real connection: a body above the limit, then the next
// request is served.
func TestEndpointOverHTTP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, err := ReadForm(w, r, 16)
		if err != nil {
			WriteError(w, err)
			return
		}
		NoStore(w.Header())
		_, _ = fmt.Fprint(w, form.Get("a"))
	}))
	t.Cleanup(server.Close)
	for _, tc := range []struct {
		body   string
		status int
	}{
		{"a=b", 200}, {"a=bbbbbbbbbbbbbbbbbbbb", 413}, {"a=b&a=c", 400}, {"a=b", 200},
	} {
		r, err := http.NewRequest(http.MethodPost, server.URL, formRequest(tc.body).Body)
		require.NoError(t, err)
		r.Header.Set("Content-Type", formType)
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, tc.status, response.StatusCode, tc.body)
		require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	}
}
