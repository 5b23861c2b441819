package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/ppid"
	"github.com/go-fapi/fapi/replay"
)

// service is a configuration that was accepted, with all it names in hand.
type service struct {
	config      config
	certificate tls.Certificate
	key         crypto.Signer
	subjectKey  []byte
	roots       *x509.CertPool
	clients     map[string]server.Client

	resourceServers map[string]server.ResourceServer

	tls     *tls.Config
	handler http.Handler
	journal *journal
}

// load makes a service of a configuration file. Whatever is wrong with the
// configuration or the files it names is reported at once, as [strictjson.Problems].
func load(name string, journal *journal) (*service, error) {
	fetcher, err := ppid.NewFetcher(ppid.FetcherConfig{})
	if err != nil {
		return nil, err
	}
	return loadWith(name, journal, fetcher)
}

// loadWith is load with another source of sectors.
func loadWith(name string, journal *journal, sectors sectors) (*service, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, strictjson.Problems{{Field: "-config", Rule: err.Error()}}
	}
	s := &service{journal: journal}
	if wrong := strictjson.Decode(data, &s.config); wrong != nil {
		return nil, wrong
	}
	var found strictjson.Problems
	s.read(found.Root(), files{&s.config, filepath.Dir(name), sectors})
	if err := found.Err(); err != nil {
		return nil, err
	}
	if s.tls, err = s.newTLS(); err != nil {
		return nil, err
	}
	if s.handler, err = s.newHandler(); err != nil {
		return nil, strictjson.Problems{{Field: "", Rule: err.Error()}}
	}
	return s, nil
}

// newTLS has the suites of FAPI 2.0, unless clients of FAPI 1.0 could end up with
// one that is not on their list: that one has suites for RSA certificates only. With
// another certificate, it leaves TLS 1.3, where nobody has a list.
func (s *service) newTLS() (*tls.Config, error) {
	profile := fapi.FAPI2Security
	older := func(c client) bool { return c.Profile == fapi.FAPI1Advanced }
	if _, isRSA := s.certificate.PrivateKey.(*rsa.PrivateKey); !isRSA && slices.ContainsFunc(s.config.Clients, older) {
		profile = fapi.FAPI1Advanced
	}
	config, err := profile.TLSConfig(fapi.APIEndpoint)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{s.certificate}
	return config, nil
}

// read checks everything, and reads the files.
func (s *service) read(at strictjson.Section, f files) {
	s.config.check(at)
	s.certificate = f.keyPair(at.Field("tls"))
	s.roots = f.clientRoots(at.Field("client_ca"))
	var alg string
	s.key, alg = f.signingKey(at.Field("signing_key"))
	s.subjectKey = f.subjectKey(at.Field("subject_key"))
	s.config.setDefaults() // after the check: a wrong issuer is no wrong resource
	s.clients = map[string]server.Client{}
	for i, c := range s.config.Clients {
		client := at.Field("clients").Index(i)
		_, taken := s.clients[c.ClientID]
		client.Field("client_id").Unless(!taken, "must not be there twice")
		s.clients[c.ClientID] = server.Client{}
		r, err := c.Profile.Rules()
		if err != nil { // all else depends on it
			client.Field("profile").Refuse("must be %s, %s or %s", fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced)
			continue
		}
		c.check(client, r, &s.config, alg)
		s.clients[c.ClientID] = c.register(client, r, f)
	}
	at.Field("clients").Unless(len(s.config.Clients) > 0, "required")
	s.resourceServers = map[string]server.ResourceServer{}
	for i, r := range s.config.ResourceServers {
		one := at.Field("resource_servers").Index(i)
		_, taken := s.resourceServers[r.ID]
		one.Field("id").Unless(!taken, "must not be there twice")
		s.resourceServers[r.ID] = r.register(one, f, alg)
	}
}

// newHandler puts the API beside the authorization server, on the same listeners.
func (s *service) newHandler() (http.Handler, error) {
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return nil, err
	}
	subjects, err := newDeriver(s.config.Issuer, s.subjectKey)
	if err != nil {
		return nil, err
	}
	logout, err := newLogout()
	if err != nil {
		return nil, err
	}
	authorization, err := server.New(server.Config{
		Issuer: s.config.Issuer, Alias: s.config.MTLSOrigin,
		Key: s.key, SubjectKey: s.subjectKey, Subjects: subjects, Roots: s.roots,
		Opaque: s.config.OpaqueResources, ResourceServers: s.resourceServers,
		Logout:  logout,
		Clients: s.clients, Users: newDirectory(s.config.Users), Replay: store,
		ObserveClient: s.journal.outcomes("client authentication"),
		ObserveProof:  s.journal.proofs("authorization server"),
	})
	if err != nil {
		return nil, err
	}
	accounts, err := s.newAPI(authorization)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", authorization)
	for _, path := range []string{"/accounts", "/payments", "/.well-known/oauth-protected-resource"} {
		mux.Handle(path, withInteractionID(accounts))
	}
	return mux, nil
}

// newLogout tells clients that users have logged out.
func newLogout() (*http.Client, error) {
	config, err := fapi.FAPI2Security.TLSConfig(fapi.TLSClient)
	if err != nil {
		return nil, err
	}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10,
	}}, nil
}

// newAPI knows the issuer's key already, and remembers proofs apart from the
// authorization server: another program would do both.
func (s *service) newAPI(authorization *server.Server) (http.Handler, error) {
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: s.key.Public()})
	if err != nil {
		return nil, err
	}
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return nil, err
	}
	origins := []string{s.config.Issuer, s.config.Resources[0]}
	if s.config.MTLSOrigin != "" {
		origins = append(origins, s.config.MTLSOrigin)
	}
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: origins, Replay: store, Observe: s.journal.proofs("API")})
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Identifier: s.config.Resources[0], Issuer: s.config.Issuer, Keys: keys,
		Methods: []cnf.Method{proofs, mtls.Binding{}}, Observe: s.journal.requests(),
		Active: authorization.Active,
		Own: func(tokenID string) []api.Account {
			user, _ := authorization.User(tokenID)
			return s.accountsOf(user)
		},
	})
}

// accountsOf is one account for each user. Its number is not the account by which
// the server knows the user: that one stays inside.
func (s *service) accountsOf(user server.User) []api.Account {
	for i, known := range s.config.Users {
		if user.Account == known.Account {
			return []api.Account{{ID: fmt.Sprintf("DE-%04d", 1001+i), Owner: known.Name, Balance: fmt.Sprintf("%d.50 EUR", 1200+i)}}
		}
	}
	return nil
}
