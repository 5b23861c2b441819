package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-fapi/fapi/examples/internal/pki"
)

// initialise makes a new folder with the example and all it needs. A folder that
// is there stays as it is: it may hold somebody's keys.
func initialise(folder string, out io.Writer) error {
	made, err := exampleFiles()
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if err := writeFiles(folder, made); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	_, err = fmt.Fprintf(out, `Made %[1]s, good for a day. Users are alice (wonderland) and bob (builder).

  go run ./examples/authserver -config %[2]s
  curl --cacert %[3]s %[4]s/.well-known/oauth-authorization-server

An API behind a gateway (examples/gateway/README.md), each in a terminal of its own:

  go run ./examples/accounts -config %[5]s
  go run ./examples/gateway -config %[6]s
`, folder, in("as.json"), in("ca.pem"), exampleOrigin, in("accounts.json"), in("gateway.json"))
	return err
}

func writeFiles(folder string, files map[string][]byte) error {
	if err := os.Mkdir(filepath.Join(folder, "clients"), 0o700); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, filepath.FromSlash(name)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// exampleFiles are the contents of the folder by name.
func exampleFiles() (map[string][]byte, error) {
	files := map[string][]byte{}
	keys, err := newExampleKeys()
	if err != nil {
		return nil, err
	}
	for id, key := range keys {
		if id == exampleCaller {
			continue // no client
		}
		if files["clients/"+id+".jwk"], err = marshal(key); err != nil {
			return nil, err
		}
	}
	if files["as.json"], err = exampleText(keys); err != nil {
		return nil, err
	}
	if err := errors.Join(addServerFiles(files), addClientFiles(files)); err != nil {
		return nil, err
	}
	return files, addGatewayFiles(files, keys)
}

func addServerFiles(files map[string][]byte) error {
	authority, err := pki.NewAuthority("Example authority for the servers")
	if err != nil {
		return err
	}
	files["ca.pem"] = authority.PEM()
	for _, name := range []string{"server", "gateway", "accounts"} {
		server, err := newServer(authority, name)
		if err != nil {
			return err
		}
		if err := addCertificate(files, name, server.Certificates[0]); err != nil {
			return err
		}
	}
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	files["subject.key"] = make([]byte, 32)
	rand.Read(files["subject.key"]) // never fails: it ends the program instead
	files["signing.pem"], err = keyPEM(signing)
	return err
}

// newServer gives the authorization server an RSA key: the suites of FAPI 1.0 for
// TLS 1.2 need one (Advanced, section 8.5).
func newServer(authority *pki.Authority, name string) (*tls.Config, error) {
	if name != "server" {
		return authority.Server()
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return authority.ServerWith(key)
}

// addClientFiles: the clients have an authority of their own. Whoever gets a
// certificate with a client's name from it is that client (RFC 8705 section 7.4).
func addClientFiles(files map[string][]byte) error {
	authority, err := pki.NewAuthority("Example authority for clients")
	if err != nil {
		return err
	}
	files["clients-ca.pem"] = authority.PEM()
	lender, err := authority.Client("lender")
	if err != nil {
		return err
	}
	desktop, err := pki.SelfSigned("desktop")
	if err != nil {
		return err
	}
	payments, err := authority.Client(examplePayments)
	if err != nil {
		return err
	}
	return errors.Join(
		addCertificate(files, "clients/lender", lender), addCertificate(files, "clients/desktop", desktop),
		addCertificate(files, "payments", payments),
	)
}

func addCertificate(files map[string][]byte, name string, certificate tls.Certificate) (err error) {
	files[name+".pem"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	files[name+"-key.pem"], err = keyPEM(certificate.PrivateKey)
	return err
}

func keyPEM(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}
