package fapi

import "testing"

// A document of the size that servers have.
func BenchmarkCheckServerMetadata(b *testing.B) {
	data := []byte(securityServerDocument)
	b.ReportAllocs()
	for b.Loop() {
		if found, err := FAPI2Security.CheckServerMetadata(data); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkCheckAuthorizationRequest(b *testing.B) {
	e := messageSigningExchange()
	e.compose()
	b.ReportAllocs()
	for b.Loop() {
		if found, err := FAPI2MessageSigning.CheckAuthorizationRequest(e.issuer, e.pushed, e.front); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
}
