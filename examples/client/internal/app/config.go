// Package app is what the client programs have in common and what is no OAuth:
// the configuration file, the pages, and what is kept for each browser. The one
// exception is [Discover], which stands for the discovery of any OpenID library.
package app

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// Config is what a client has to know beforehand. Everything else is in the
// metadata of the authorization server.
type Config struct {
	Issuer      string           // required: the authorization server
	ClientID    string           // required
	RedirectURI string           // required: its host is also where the client listens
	Scopes      []string         // what to ask for, and no more than is needed
	API         string           // required: the URL of the accounts
	Roots       *x509.CertPool   // whose certificates the servers have. nil: the system's
	Internal    []netip.Prefix   // addresses not open to the public that the key set may come from
	Key         crypto.Signer    // private_key_jwt and request objects
	Certificate *tls.Certificate // mutual TLS
	Server      *tls.Certificate // of the client's own pages, if the redirect URI is https
	Log         *slog.Logger     // required
}

// file is the JSON form; names of files are relative to it.
type file struct {
	Issuer         string         `json:"issuer"`
	ClientID       string         `json:"client_id"`
	RedirectURI    string         `json:"redirect_uri"`
	Scope          string         `json:"scope"`
	API            string         `json:"api"`
	CA             string         `json:"ca"`
	Internal       []netip.Prefix `json:"internal_addresses"`
	Key            string         `json:"key"`
	Certificate    string         `json:"certificate"`
	CertificateKey string         `json:"certificate_key"`
	Server         string         `json:"server_certificate"`
	ServerKey      string         `json:"server_key"`
}

// Load reads a configuration file. It errs when a member is unknown, a required
// one is missing, or a file that it names cannot be used.
func Load(name string) (Config, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return Config{}, err
	}
	var f file
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return Config{}, fmt.Errorf("client: %s: %w", name, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("client: %s: something follows the object", name)
	}
	for member, value := range map[string]string{
		"issuer": f.Issuer, "client_id": f.ClientID, "redirect_uri": f.RedirectURI, "api": f.API,
	} {
		if value == "" {
			return Config{}, fmt.Errorf("client: %s: %s is required", name, member)
		}
	}
	config := Config{
		Issuer: f.Issuer, ClientID: f.ClientID, RedirectURI: f.RedirectURI, Scopes: strings.Fields(f.Scope),
		API: f.API, Internal: f.Internal,
	}
	if err := config.read(f, filepath.Dir(name)); err != nil {
		return Config{}, err
	}
	return config, nil
}

// read reads the files that f names.
func (c *Config) read(f file, folder string) (err error) {
	if f.CA != "" {
		if c.Roots, err = readRoots(filepath.Join(folder, f.CA)); err != nil {
			return err
		}
	}
	if f.Key != "" {
		if c.Key, err = readKey(filepath.Join(folder, f.Key)); err != nil {
			return err
		}
	}
	if f.Certificate != "" {
		if c.Certificate, err = readPair(folder, f.Certificate, f.CertificateKey); err != nil {
			return err
		}
	}
	if f.Server != "" {
		c.Server, err = readPair(folder, f.Server, f.ServerKey)
	}
	return err
}

func readPair(folder, certificate, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, certificate), filepath.Join(folder, key))
	if err != nil {
		return nil, fmt.Errorf("client: %s: %w", certificate, err)
	}
	return &pair, nil
}

func readRoots(name string) (*x509.CertPool, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("client: no certificate in %s", name)
	}
	return pool, nil
}

// readKey reads a private key: PEM as "openssl genpkey" writes it, or a JWK.
func readKey(name string) (crypto.Signer, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		key, err := jose.ParsePrivateJWK(text)
		if err != nil {
			return nil, fmt.Errorf("client: %s is neither PEM nor a private JWK", name)
		}
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, fmt.Errorf("client: %s is not a PKCS #8 private key that signs", name)
	}
	return signer, nil
}

// Transport trusts the configured roots, and waits for no server for ever. Its TLS
// is that of FAPI 2.0 5.2.2-1: 1.3, or 1.2 with the four suites of BCP 195.
func (c Config) Transport() *http.Transport {
	return &http.Transport{
		TLSClientConfig: &tls.Config{
			RootCAs:    c.Roots,
			MinVersion: tls.VersionTLS12,
			CipherSuites: []uint16{
				tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
				tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
				tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
				tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			},
		},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 10 * time.Second,
		IdleConnTimeout:       90 * time.Second,
	}
}
