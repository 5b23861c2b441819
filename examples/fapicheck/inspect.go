package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/go-fapi/fapi"
)

// inspect fetches and checks. A report without error is complete; one beside an
// error has what was found before.
func inspect(ctx context.Context, o options) (*report, error) {
	fetcher := newFetcher(o.roots)
	defer fetcher.close()
	oauth, openID, err := fapi.MetadataURLs(o.issuer)
	if err != nil {
		return nil, err
	}
	metadata, err := fetcher.first(ctx, oauth, openID)
	if err != nil {
		return nil, err
	}
	report := &report{Issuer: o.issuer, Metadata: metadata.url}
	report.connected(metadata.connection)
	for _, profile := range o.profiles {
		if err := report.addProfile(profile, metadata); err != nil {
			return nil, fmt.Errorf("%s: %w", metadata.url, err)
		}
	}
	issuer, jwksURI := members(metadata.body)
	if issuer != o.issuer {
		report.onlyIssuer(issuer)
		return report, nil
	}
	if u, err := url.Parse(jwksURI); err != nil || u.Scheme != "https" || u.Host == "" {
		return report, nil // which the metadata's findings say
	}
	report.Keys = jwksURI
	keys, err := fetcher.get(ctx, jwksURI)
	if err != nil {
		return report, err
	}
	for _, p := range report.Profiles {
		found, err := p.Profile.CheckKeys(keys.body)
		if err != nil {
			return report, fmt.Errorf("%s: %w", jwksURI, err)
		}
		p.add("keys", found)
	}
	return report, nil
}

// members reads two members of a document that was checked before to have them
// once, by their exact names.
func members(metadata []byte) (issuer, jwksURI string) {
	var all map[string]any
	if err := json.Unmarshal(metadata, &all); err != nil {
		return "", ""
	}
	issuer, _ = all["issuer"].(string)
	jwksURI, _ = all["jwks_uri"].(string)
	return issuer, jwksURI
}

func (r *report) addProfile(profile fapi.Profile, metadata *document) error {
	rules, err := profile.Rules()
	if err != nil {
		return err
	}
	found, err := profile.CheckServerMetadata(metadata.body)
	if err != nil {
		return err
	}
	p := &profileReport{Profile: profile, Title: rules.Title, Findings: []finding{}}
	p.add("metadata", found)
	suites, err := weakSuite(profile, metadata.connection)
	if err != nil {
		return err
	}
	p.add("connection", suites)
	r.Profiles = append(r.Profiles, p)
	return nil
}

// onlyIssuer drops everything but the wrong issuer: of a document for another
// one, nothing may be used (RFC 8414 section 3.3).
func (r *report) onlyIssuer(issuer string) {
	for _, p := range r.Profiles {
		p.Findings = []finding{}
		p.add("metadata", []fapi.Finding{{
			Clause: "RFC 8414 3.3", Severity: fapi.Must, Field: "issuer",
			Problem: fmt.Sprintf("is %+.100q, which is not the issuer asked for; nothing else was checked", issuer),
			Change:  "use one spelling of the issuer everywhere, octet by octet",
		}})
	}
}

// suiteClauses allow only some suites of TLS 1.2 at endpoints that browsers do
// not visit.
var suiteClauses = map[fapi.Profile]string{
	fapi.FAPI2Security:       "FAPI 2.0 SP 5.2.2-1",
	fapi.FAPI2MessageSigning: "FAPI 2.0 SP 5.2.2-1",
	fapi.FAPI1Advanced:       "FAPI 1.0 Advanced 8.5",
}

// weakSuite looks at the suite that the server chose from all that crypto/tls
// offers. A good one does not prove that it would refuse the others.
func weakSuite(profile fapi.Profile, connection *tls.ConnectionState) ([]fapi.Finding, error) {
	config, err := profile.TLSConfig(fapi.APIEndpoint)
	if err != nil || connection == nil || connection.Version > tls.VersionTLS12 || slices.Contains(config.CipherSuites, connection.CipherSuite) {
		return nil, err
	}
	return []fapi.Finding{{
		Clause: suiteClauses[profile], Severity: fapi.Must, Field: "cipher suite",
		Problem: "is " + tls.CipherSuiteName(connection.CipherSuite), Change: "offer the suites that the profile allows only, or TLS 1.3",
	}}, nil
}
