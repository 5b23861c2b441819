package clienttest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/client/internal/app"
	"github.com/go-fapi/fapi/examples/internal/pki"
)

// world is a server on loopback, and what the client is told about it.
type world struct {
	config  app.Config
	alias   string // the origin where certificates are asked for
	handler http.Handler
	log     *record // of the client

	mu         sync.Mutex
	seen       []string // of every request to the server: method, path, grant type, status, error, challenge
	expiresIn  int      // when not zero, what token responses say instead
	refuseMore bool     // refresh tokens are good no more
}

func newWorld(t *testing.T, kind Server) *world {
	t.Helper()
	w := &world{log: &record{}}
	authority, err := pki.NewAuthority("Client example")
	require.NoError(t, err)
	serverTLS, err := authority.Server()
	require.NoError(t, err)
	main, alias := httptest.NewUnstartedServer(w), httptest.NewUnstartedServer(w)
	main.TLS, alias.TLS = serverTLS, asking(serverTLS)
	for _, s := range []*httptest.Server{main, alias} {
		s.StartTLS()
		t.Cleanup(s.Close)
	}
	w.alias = alias.URL
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	certificate, err := pki.SelfSigned(clientID)
	require.NoError(t, err)
	w.config = app.Config{
		Issuer: main.URL, ClientID: clientID, RedirectURI: "https://client.example/callback", Scopes: []string{"accounts"},
		API: main.URL + "/accounts", Roots: authority.Pool(), Internal: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Key: key, Certificate: &certificate, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if kind == Certificates {
		w.config.API = w.alias + "/accounts"
	}
	w.handler = w.newHandler(t, kind)
	return w
}

// ServeHTTP passes requests to the server and notes what became of them.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, "unreadable", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	grant := form.Get("grant_type")
	answer := w.answer(r, grant)
	text, code := w.edit(answer.Body.Bytes())
	w.note(r.Method, r.URL.Path, grant, http.StatusText(answer.Code), code, answer.Header().Get("WWW-Authenticate"))
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(text) // the client has left: nobody to tell
}

func (w *world) answer(r *http.Request, grant string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.mu.Lock()
	refused := w.refuseMore && grant == "refresh_token"
	w.mu.Unlock()
	if refused {
		recorder.Header().Set("Content-Type", "application/json")
		recorder.WriteHeader(http.StatusBadRequest)
		recorder.WriteString(`{"error":"invalid_grant"}`)
		return recorder
	}
	w.handler.ServeHTTP(recorder, r)
	return recorder
}

// edit puts another expires_in into an answer, and finds its error.
func (w *world) edit(body []byte) (edited []byte, code string) {
	members := map[string]any{}
	if json.Unmarshal(body, &members) != nil {
		return body, ""
	}
	code, _ = members["error"].(string)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.expiresIn > 0 && members["access_token"] != nil {
		members["expires_in"] = w.expiresIn
		body, _ = json.Marshal(members) // was JSON before
	}
	return body, code
}

func (w *world) note(words ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, strings.Join(words, " "))
}

// count is how many requests to the server had a word in what was noted of them.
func (w *world) count(word string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.seen {
		if strings.Contains(line, word) {
			n++
		}
	}
	return n
}

// record is the client's log.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// last is the last line.
func (r *record) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(r.text.String()), "\n")
	return lines[len(lines)-1]
}
