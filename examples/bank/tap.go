package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"sync"
)

// tap is a wire that somebody listens to: it keeps all octets of requests and
// responses, headers and bodies, from when it is opened until it is read.
type tap struct {
	base http.RoundTripper
	mu   sync.Mutex
	open bool

	sent, received bytes.Buffer
}

// listen forgets what was heard and begins anew.
func (t *tap) listen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = true
	t.sent.Reset()
	t.received.Reset()
}

// heard is what travelled since, and ends it.
func (t *tap) heard() (sent, received []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = false
	return bytes.Clone(t.sent.Bytes()), bytes.Clone(t.received.Bytes())
}

// RoundTrip implements [http.RoundTripper].
func (t *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := drain(r.Body)
	if err != nil {
		return nil, err
	}
	passing := r.Clone(r.Context())
	passing.Body = io.NopCloser(bytes.NewReader(body))
	if len(body) == 0 {
		passing.Body = http.NoBody
	}
	t.note(&t.sent, r.Method+" "+r.URL.String()+"\n", r.Header, body)
	response, err := t.base.RoundTrip(passing)
	if err != nil {
		return nil, err
	}
	if body, err = drain(response.Body); err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	t.note(&t.received, response.Status+"\n", response.Header, body)
	return response, nil
}

func drain(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, 1<<16))
}

func (t *tap) note(to *bytes.Buffer, line string, header http.Header, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return
	}
	to.WriteString(line)
	_ = header.Write(to) // into memory
	to.Write(body)
	to.WriteByte('\n')
}

// jwtForm is what starts like a JSON object in base64url, as all JWTs do.
var jwtForm = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*`)

// jwt is a JWT that was found, by its typ.
type jwt struct{ text, typ string }

// jwts finds the JWTs in what travelled.
func jwts(data []byte) (found []jwt) {
	for _, text := range jwtForm.FindAllString(string(data), -1) {
		head, _, _ := bytes.Cut([]byte(text), []byte("."))
		header, _ := base64.RawURLEncoding.DecodeString(string(head))
		var read struct{ Typ string }
		_ = json.Unmarshal(header, &read) // no typ then
		found = append(found, jwt{text, read.Typ})
	}
	return found
}

// foreign are those that a client did not sign itself. Its proofs and assertions say
// nothing but who it is.
func foreign(found []jwt) (others []jwt) {
	for _, one := range found {
		if one.typ != "dpop+jwt" && one.typ != "client-authentication+jwt" {
			others = append(others, one)
		}
	}
	return others
}
