package par

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// uriPrefix is the URN namespace of RFC 9126 section 2.2. 43 characters follow, 256
// bits of randomness.
const uriPrefix = "urn:ietf:params:oauth:request_uri:"

// Request is an authorization request that an authenticated client pushed and that
// a [Handler] checked. Printed or logged, it shows nothing of itself.
type Request struct {
	clientID string
	params   url.Values
	jkt      [32]byte
	bound    bool
	expires  time.Time
}

// Params returns a copy of the parameters: response_type, client_id, redirect_uri,
// code_challenge and code_challenge_method are there, the client's credentials are
// not. Nothing in the query of the authorization request adds to them.
func (r *Request) Params() url.Values {
	if r == nil {
		return url.Values{}
	}
	return cloned(r.params)
}

// ClientID is the client that pushed the request.
func (r *Request) ClientID() string {
	if r == nil {
		return ""
	}
	return r.clientID
}

// JKT is the thumbprint that the authorization code has to be bound to, from the
// DPoP proof of the push or from dpop_jkt (RFC 9449 section 10). ok is false if
// there was neither.
func (r *Request) JKT() (thumbprint [32]byte, ok bool) {
	if r == nil {
		return [32]byte{}, false
	}
	return r.jkt, r.bound
}

// Expires is the instant from which the request can no longer be consumed, however
// often its page is shown.
func (r *Request) Expires() time.Time {
	if r == nil {
		return time.Time{}
	}
	return r.expires
}

// Format implements [fmt.Formatter]: no verb shows scopes, payments or hints about
// the user, which end up in logs.
func (Request) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "par.Request") }

// bind takes dpop_jkt in, which has to agree with the proof (RFC 9449 section
// 10.1).
func (r *Request) bind() error {
	text := r.params.Get("dpop_jkt")
	if text == "" {
		return nil
	}
	octets, err := jose.Decode(text)
	if err != nil || len(octets) != 32 || [32]byte(octets) == [32]byte{} {
		return refuse(ErrJKT)
	}
	if r.bound && r.jkt != [32]byte(octets) {
		return refuse(ErrProof)
	}
	r.jkt, r.bound = [32]byte(octets), true
	return nil
}

func cloned(params url.Values) url.Values {
	out := maps.Clone(params)
	for name, values := range out {
		out[name] = slices.Clone(values)
	}
	return out
}

// locator finds a record, and opens it: both keys come from the request_uri and the
// client, neither of which the store sees.
type locator struct {
	key    string
	secret [32]byte
}

func newReference() string {
	var random [32]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return jose.Encode(random[:])
}

// locate refuses what this server cannot have issued without asking the store, and
// never fetches anything.
func locate(clientID, requestURI string) (locator, error) {
	if requestURI == "" {
		return locator{}, refuse(ErrNotPushed)
	}
	reference, ok := strings.CutPrefix(requestURI, uriPrefix)
	if !ok || clientID == "" || !is256Bits(reference) {
		return locator{}, refuse(ErrRequestURI)
	}
	return newLocator(clientID, reference), nil
}

// newLocator derives from a reference, whose length is fixed, so that no two pairs
// of it and a client give one input.
func newLocator(clientID, reference string) locator {
	name := sha256.Sum256([]byte("par store key\x00" + reference + clientID))
	return locator{
		key:    jose.Encode(name[:]),
		secret: sha256.Sum256([]byte("par record secret\x00" + reference + clientID)),
	}
}

// is256Bits reports base64url of 32 octets in its one canonical spelling.
func is256Bits(text string) bool {
	octets, err := jose.Decode(text)
	return err == nil && len(octets) == 32
}

// record is what is stored, encrypted. Whose it is need not be said: for another
// client it does not open.
type record struct {
	Params  url.Values `json:"params"`
	JKT     []byte     `json:"jkt,omitempty"`
	Expires time.Time  `json:"expires"`
}

func (l locator) seal(r *Request) ([]byte, error) {
	content := record{Params: r.params, Expires: r.expires.UTC()}
	if r.bound {
		content.JKT = r.jkt[:]
	}
	text, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	aead, err := l.cipher()
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, text, nil), nil
}

var errRecord = errors.New("par: the store returned a record that was not put there under this key")

func (l locator) open(sealed []byte, clientID string) (*Request, error) {
	aead, err := l.cipher()
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, errRecord
	}
	var content record
	if json.Unmarshal(text, &content) != nil {
		return nil, errRecord
	}
	request := &Request{clientID: clientID, params: content.Params, expires: content.Expires}
	if content.JKT != nil {
		if len(content.JKT) != 32 {
			return nil, errRecord
		}
		request.jkt, request.bound = [32]byte(content.JKT), true
	}
	return request, nil
}

func (l locator) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(l.secret[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
