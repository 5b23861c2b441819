package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	accounts "github.com/go-fapi/fapi/examples/accounts/server"
	edge "github.com/go-fapi/fapi/examples/gateway/server"
	"github.com/go-fapi/fapi/examples/internal/pki"
)

// addGatewayFiles adds what examples/gateway and examples/accounts need beside the
// files of the server. It derives users' sub with subject.key, which is there already.
func addGatewayFiles(files map[string][]byte, keys exampleKeys) error {
	text, err := marshal(keys[exampleCaller])
	if err != nil {
		return err
	}
	if files["gateway-accounts.pem"], err = keyPEM(parseKey(text)); err != nil {
		return err
	}
	_, evidence, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if files["evidence.pem"], err = keyPEM(evidence); err != nil {
		return err
	}
	identity, err := pki.SelfSigned("gateway") // accounts knows this one certificate
	if err != nil {
		return err
	}
	example, err := exampleConfig(keys)
	if err != nil {
		return err
	}
	api, err := exampleAccounts(example, files["subject.key"])
	if err != nil {
		return err
	}
	if files["accounts.json"], err = marshal(api); err != nil {
		return err
	}
	files["gateway.json"], err = marshal(exampleEdge())
	return errors.Join(err, addCertificate(files, "gateway-identity", identity))
}

// exampleEdge is a gateway that clients connect to directly.
func exampleEdge() edge.Config {
	c := edge.Example()
	c.Proxy = nil
	c.Origins = slices.DeleteFunc(c.Origins, func(origin string) bool { return !strings.HasPrefix(origin, "https://localhost:") })
	return c
}

// exampleAccounts has the users' sub in place of their names.
func exampleAccounts(server config, subjectKey []byte) (accounts.Config, error) {
	c := accounts.Example()
	subjects, err := server.subjects(server.ResourceServers[0], subjectKey)
	for i, account := range c.Accounts {
		c.Accounts[i].Owner = subjects[account.Owner]
	}
	return c, err
}
