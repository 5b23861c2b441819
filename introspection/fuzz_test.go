package introspection

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzAnswer: no answer panics, and what is taken for active is also active for a
// lenient reader.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"active":true}`, `{"active":false,"exp":"x"}`, `{"active":"true"}`, `{"active":true,"active":false}`, `{}`, `[]`, ``,
		`{"active":true,"aud":["a"],"exp":1,"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},"scope":"a b"}`,
		`{"\u0061ctive":true,"x":{"y":[{}]}}`, "{\"active\":true,\"sub\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := parse(body)
		if err != nil {
			_, refused := errors.AsType[*Error](err)
			if token != nil || refused == errors.Is(err, ErrAnswer) {
				t.Fatalf("%v", err)
			}
			return
		}
		var lenient map[string]any
		if json.Unmarshal(body, &lenient) != nil || lenient["active"] != true {
			t.Fatalf("%q is taken for active", body)
		}
		for _, scope := range token.Scopes() {
			if !token.HasScope(scope) {
				t.Fatalf("scope %q is lost", scope)
			}
		}
	})
}

// FuzzStatement: nothing without a signature of the issuer is believed.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{
		"", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJ0eXAiOiJ0b2tlbi1pbnRyb3NwZWN0aW9uK2p3dCIsImFsZyI6IkVTMjU2In0.e30.AAAA", "....",
	} {
		f.Add(seed)
	}
	c := &Client{issuer: "https://as.example", audience: "x", keys: nil}
	f.Fuzz(func(t *testing.T, statement string) {
		if _, err := c.verify(context.Background(), statement, time.Now()); err == nil {
			t.Fatalf("%q", statement)
		}
	})
}

// FuzzAccept: the answer has a type that was offered, and none that q=0 excludes.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{
		"", "*/*", typeJSON, typePhantom + ";q=0.1, */*;q=0", "application/json;q=0", "a/b;c=\"d,e\"", ",,,", "application/*;q=1.000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got := negotiate(http.Header{"Accept": {accept}}, []string{typeStatement, typeJSON, typePhantom}, typeJSON)
		named := strings.Contains(strings.ToLower(accept), got)
		if got != "" && got != typeJSON && !named {
			t.Fatalf("%q gets %q", accept, got)
		}
		ranges, ok := parseAccept(accept)
		if !ok && got != "" || ok && len(ranges) > maxAcceptRanges {
			t.Fatalf("%q gets %q, %d ranges", accept, got, len(ranges))
		}
	})
}

func FuzzCacheControl(f *testing.F) {
	for _, seed := range []string{"", "max-age=1", "no-store", `private, max-age="7"`, "max-age=99999999999999999999", "max-age=-1"} {
		f.Add(seed, "1")
	}
	f.Fuzz(func(t *testing.T, control, age string) {
		fresh := freshness(http.Header{"Cache-Control": {control}, "Age": {age}})
		lower := strings.ToLower(control)
		if fresh < 0 || fresh > 0 && !strings.Contains(lower, "max-age") {
			t.Fatalf("%q gives %s", control, fresh)
		}
	})
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "a", "a==", "=a", "a b", "é", strings.Repeat("a", 4097)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if isToken(token) && (token == "" || len(token) > maxToken || strings.ContainsAny(token, " ,;\"&%\x00\r\n")) {
			t.Fatalf("%q", token)
		}
	})
}
