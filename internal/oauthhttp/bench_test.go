package oauthhttp

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func BenchmarkCredentials(b *testing.B) {
	for name, size := range map[string]int{"opaque40": 40, "jwt800": 800} {
		b.Run(name, func(b *testing.B) {
			r := requestWith("DPoP " + strings.Repeat("aZ0_", size/4))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Credentials(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTokenElsewhere(b *testing.B) {
	r := httptest.NewRequest("GET", "/accounts?from=2024-01-01&to=2024-02-01&page=3", nil)
	b.ReportAllocs()
	for b.Loop() {
		if TokenElsewhere(r) {
			b.Fatal("found one")
		}
	}
}

func BenchmarkParseChallenges(b *testing.B) {
	lines := []string{`Bearer, DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof", algs="ES256 PS256"`}
	b.ReportAllocs()
	for b.Loop() {
		if c, _ := Find(ParseChallenges(lines), "DPoP"); c.Get("error") == "" {
			b.Fatal("not parsed")
		}
	}
}
