package main

import (
	"bytes"
	"io"
	"log"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
)

// journal tells the operator what happens, a line each. Errors of this module's
// packages name the rule that refused: nothing of a request is in them.
type journal struct {
	log     *log.Logger
	verbose bool
}

func newJournal(out io.Writer, verbose bool) *journal {
	return &journal{log: log.New(out, "authserver: ", log.LstdFlags|log.Lmsgprefix), verbose: verbose}
}

// address is where a request came from: personal data, unlike what happened.
var address = regexp.MustCompile(`(\[[0-9A-Fa-f:.%a-z]+\]|[0-9.]+):[0-9]+`)

// Write takes the lines of net/http. Handshakes that passers-by break off are for
// those who want outcomes.
func (j *journal) Write(line []byte) (int, error) {
	if j.verbose || !bytes.Contains(line, []byte("TLS handshake error")) {
		j.log.Print(address.ReplaceAllString(string(line), "a client"))
	}
	return len(line), nil
}

func (j *journal) started(s *service, l listeners) {
	if s.config.SigningKey == "" {
		j.log.Print("no signing_key is configured: tokens are signed with a new key")
	}
	where := l.browsers.Addr().String()
	if l.certificates != nil {
		where += ", " + s.config.MTLSOrigin + " on " + l.certificates.Addr().String() + " (client certificates)"
	}
	j.log.Printf("%s on %s; clients: %s", s.config.Issuer, where, strings.Join(slices.Sorted(maps.Keys(s.clients)), ", "))
}

// outcomes is nil, which observes nothing, unless outcomes are wanted.
func (j *journal) outcomes(what string) func(error) {
	if !j.verbose {
		return nil
	}
	return func(err error) {
		if err == nil {
			j.log.Print(what, ": accepted")
		} else {
			j.log.Print(what, ": refused: ", err)
		}
	}
}

func (j *journal) proofs(where string) func(dpop.Event) {
	observe := j.outcomes("proof at the " + where)
	if observe == nil {
		return nil
	}
	return func(e dpop.Event) { observe(e.Err) }
}

func (j *journal) requests() func(cnf.Event) {
	observe := j.outcomes("request to the API")
	if observe == nil {
		return nil
	}
	return func(e cnf.Event) { observe(e.Err) }
}
