package introspection

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

const (
	typeJSON      = "application/json"
	typeStatement = "application/token-introspection+jwt" // RFC 9701 section 5
	typePhantom   = "application/jwt"
)

const maxAnswer = 64 << 10 // octets of a response

// endpoint is the introspection endpoint of an authorization server, asked for one
// kind of answer.
type endpoint struct {
	url      string
	accept   string
	clientID string // empty: not sent
	client   http.Client
}

// answer is a response of the right kind, not yet read.
type answer struct {
	body  []byte
	empty bool          // 204: how phantom answers say no
	fresh time.Duration // how long the server lets it be remembered
}

// newEndpoint has a client that follows no redirect and has no cookies.
func newEndpoint(l limits, accept string) endpoint {
	client := *l.http
	client.Transport = stationary{client.Transport}
	client.Jar = nil
	return endpoint{url: l.endpoint, accept: accept, clientID: l.clientID, client: client}
}

// stationary takes the Location out of responses, so that net/http takes redirects
// for answers: 307 and 308 would post the token, and a transport's credentials with
// it, wherever the server says. CheckRedirect would be too late, as a Location that
// is no URL ends up in an error before.
type stationary struct{ base http.RoundTripper }

func (s stationary) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.base.RoundTrip(r)
	if response != nil && response.StatusCode/100 == 3 {
		response.Header.Del("Location")
	}
	return response, err
}

// post asks (RFC 7662 section 2.1). The request is made of the token alone; it has
// nothing of the request that brought the token.
func (e *endpoint) post(ctx context.Context, token string) (answer, error) {
	form := url.Values{"token": {token}} // encoded, as + / and ~ occur in tokens
	if e.clientID != "" {
		form.Set("client_id", e.clientID)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, fail(ErrUnavailable, errors.New("the request cannot be made"))
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", e.accept)
	response, err := e.client.Do(request)
	if err != nil {
		return answer{}, fail(ErrUnavailable, muted(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fail(ErrUnavailable, muted(err))
	}
	if len(body) > maxAnswer {
		return answer{}, fail(ErrAnswer, fmt.Errorf("more than %d octets", maxAnswer))
	}
	return e.judge(response, body)
}

func (e *endpoint) judge(response *http.Response, body []byte) (answer, error) {
	status := response.StatusCode
	switch {
	case status == http.StatusNoContent && e.accept == typePhantom:
		return answer{empty: true}, nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden || isOurFault(response, body):
		return answer{}, fail(ErrCredentials, fmt.Errorf("status %d", status))
	case status == http.StatusTooManyRequests || status >= 500:
		return answer{}, fail(ErrUnavailable, fmt.Errorf("status %d", status))
	case status != http.StatusOK:
		return answer{}, fail(ErrAnswer, fmt.Errorf("status %d", status))
	case !isType(response.Header, e.accept):
		return answer{}, fail(ErrAnswer, errors.New("the content type is not "+e.accept))
	}
	return answer{body: body, fresh: freshness(response.Header)}, nil
}

// isOurFault: RFC 9701 section 5 has 400 for callers that do not authenticate.
func isOurFault(response *http.Response, body []byte) bool {
	if response.StatusCode != http.StatusBadRequest || !isType(response.Header, typeJSON) {
		return false
	}
	code := ""
	err := jose.ReadObject(body, func(name []byte, value jose.Value) (err error) {
		if string(name) == "error" {
			code, err = value.Text()
		}
		return err
	})
	return err == nil && (code == "invalid_client" || code == "unauthorized_client")
}

func isType(h http.Header, want string) bool {
	lines := h.Values("Content-Type")
	if len(lines) != 1 {
		return false
	}
	have, params, err := mime.ParseMediaType(lines[0])
	charset := params["charset"]
	return err == nil && have == want && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// freshness is the smallest max-age of a response, less its Age, and zero when there
// is none, when it cannot be read, or when another directive forbids reuse (RFC 9111
// section 5.2.2). No directive known here has quotes that hide a comma or do not end;
// as readers disagree about what is in them, they give zero too.
func freshness(h http.Header) time.Duration {
	fresh, stated := time.Duration(0), false
	for _, line := range h.Values("Cache-Control") {
		for directive := range elements(line) {
			if strings.Contains(directive, ",") || strings.Count(directive, `"`)%2 != 0 {
				return 0
			}
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-store", "no-cache":
				return 0
			case "max-age":
				age := seconds(strings.Trim(value, `"`))
				if !stated || age < fresh {
					fresh, stated = age, true
				}
			}
		}
	}
	for _, age := range h.Values("Age") {
		fresh -= max(seconds(age), 0)
	}
	return max(fresh, 0)
}

// elements splits a list outside quoted strings (RFC 9110 sections 5.6.1 and 5.6.4).
// One that does not end reaches to the end of the text.
func elements(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(text); i++ {
			switch c := text[i]; {
			case c == '"':
				quoted = !quoted
			case c == '\\' && quoted:
				i++
			case c == ',' && !quoted:
				if !yield(text[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(text[start:])
	}
}

// seconds reads delta-seconds (RFC 9111 section 1.2.2); what is none gives 0.
func seconds(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return time.Duration(n) * time.Second
}
