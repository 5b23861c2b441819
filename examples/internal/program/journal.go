package program

import (
	"bytes"
	"io"
	"log"
	"regexp"
)

// Journal tells the operator what happens, a line each. Errors of this module's
// packages name the rule that refused: nothing of a request is in them.
type Journal struct {
	log     *log.Logger
	verbose bool
}

// NewJournal reports outcomes only if verbose is set; faults always.
func NewJournal(out io.Writer, name string, verbose bool) *Journal {
	return &Journal{log: log.New(out, name+": ", log.LstdFlags|log.Lmsgprefix), verbose: verbose}
}

// Printf writes a line.
func (j *Journal) Printf(format string, args ...any) { j.log.Printf(format, args...) }

// Outcome reports what became of a request.
func (j *Journal) Outcome(what string, err error, fault bool) {
	switch {
	case fault:
		j.log.Printf("%s: failed: %v", what, err)
	case !j.verbose:
	case err != nil:
		j.log.Printf("%s: refused: %v", what, err)
	default:
		j.log.Printf("%s: accepted", what)
	}
}

// address is where a request came from: personal data, unlike what happened.
var address = regexp.MustCompile(`(\[[0-9A-Fa-f:.%a-z]+\]|[0-9.]+):[0-9]+`)

// Write takes the lines of net/http. Handshakes that passers-by break off are for
// those who want outcomes.
func (j *Journal) Write(line []byte) (int, error) {
	if j.verbose || !bytes.Contains(line, []byte("TLS handshake error")) {
		j.log.Print(address.ReplaceAllString(string(line), "a client"))
	}
	return len(line), nil
}
