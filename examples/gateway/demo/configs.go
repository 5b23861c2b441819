package demo

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"

	accounts "github.com/go-fapi/fapi/examples/accounts/server"
	gateway "github.com/go-fapi/fapi/examples/gateway/server"
)

// The clients of the authorization server: the gateway, once for each API, and
// payments.
const (
	accountsCaller = "gateway-accounts"
	echoCaller     = "gateway-echo"
	payments       = "payments"
)

// accountsConfig and gatewayConfig are the examples of the programs at other
// addresses, with the files of writeFiles.
func (d *Demo) accountsConfig(l listeners) accounts.Config {
	c := accounts.Example()
	c.Identifier = AccountsAudience
	c.Issuer, c.JWKSURI = origin(l.authorization), origin(l.authorization)+"/jwks"
	c.Origins, c.Listen = []string{origin(l.accounts)}, l.accounts.Addr().String()
	c.Gateway.Listen, c.Gateway.JWKSURI = l.behind.Addr().String(), origin(l.inside)+"/jwks"
	c.Balances.Origin, c.Balances.TokenEndpoint = origin(l.accounts), origin(l.authorization)+"/token"
	c.Balances.Resource = BalancesAudience
	c.PaymentACR = []string{StrongACR}
	return c
}

func (d *Demo) gatewayConfig(l listeners, echo bool) gateway.Config {
	c := gateway.Example()
	c.Origins = []string{origin(l.plain), origin(l.mutual)}
	c.Listen, c.MTLSListen, c.InsideListen = l.plain.Addr().String(), l.mutual.Addr().String(), l.inside.Addr().String()
	c.Proxy = nil
	c.Issuer, c.JWKSURI = origin(l.authorization), origin(l.authorization)+"/jwks"
	c.Introspection = origin(l.authorization) + "/introspect"
	c.APIs[0].Upstream, c.APIs[0].Audience = origin(l.behind), AccountsAudience
	c.APIs[0].Credentials.ClientID = accountsCaller
	c.APIs[0].Routes[1].ACR = []string{StrongACR}
	c.Timeouts.Drain = "0s"
	if echo {
		c.APIs = append(c.APIs, gateway.API{
			Upstream: origin(l.echo), Audience: EchoAudience,
			Credentials: gateway.Credentials{ClientID: echoCaller, Identity: new(c.Identity)},
			Routes:      []gateway.Route{{Path: "/echo", Scope: []string{"echo"}}},
		})
	}
	return c
}

// clientKeys are those by which the authorization server knows its clients.
type clientKeys struct {
	gateway crypto.PublicKey
}

// writeFiles makes what the configurations name.
func (d *Demo) writeFiles(folder string) (keys clientKeys, err error) {
	files := map[string][]byte{"ca.pem": d.authority.PEM()}
	for _, name := range []string{"accounts", "gateway"} {
		site, err := d.authority.Server()
		if err != nil {
			return keys, err
		}
		if err := addCertificate(files, name, site.Certificates[0]); err != nil {
			return keys, err
		}
	}
	for file, name := range map[string]string{"gateway-identity": echoCaller, "payments": payments} {
		identity, err := d.authority.Client(name)
		if err != nil {
			return keys, err
		}
		if err := addCertificate(files, file, identity); err != nil {
			return keys, err
		}
	}
	caller, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keys, err
	}
	_, evidence, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keys, err
	}
	for name, key := range map[string]crypto.Signer{"gateway-accounts.pem": caller, "evidence.pem": evidence} {
		if files[name], err = keyPEM(key); err != nil {
			return keys, err
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return keys, err
		}
	}
	return clientKeys{gateway: caller.Public()}, nil
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
