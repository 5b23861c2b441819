package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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
	_, err = fmt.Fprintf(out, `Made %[1]s, good for a day. Users are alice (wonderland) and bob (builder).

  go run ./examples/authserver -config %[1]s
  curl --cacert %[2]s %[3]s/.well-known/oauth-authorization-server
`, filepath.Join(folder, "as.json"), filepath.Join(folder, "ca.pem"), exampleOrigin)
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
		if files["clients/"+id+".jwk"], err = marshal(key); err != nil {
			return nil, err
		}
	}
	if files["as.json"], err = exampleText(keys); err != nil {
		return nil, err
	}
	return files, errors.Join(addServerFiles(files), addClientFiles(files))
}

func addServerFiles(files map[string][]byte) error {
	authority, err := pki.NewAuthority("Example authority for the server")
	if err != nil {
		return err
	}
	files["ca.pem"] = authority.PEM()
	server, err := authority.Server()
	if err != nil {
		return err
	}
	if err := addCertificate(files, "server", server.Certificates[0]); err != nil {
		return err
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
	return errors.Join(addCertificate(files, "clients/lender", lender), addCertificate(files, "clients/desktop", desktop))
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
