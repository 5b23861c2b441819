package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-fapi/fapi"
)

// report is what -json prints.
type report struct {
	Issuer   string           `json:"issuer"`
	Metadata string           `json:"metadata"`       // where it was
	Keys     string           `json:"keys,omitempty"` // where they were
	TLS      string           `json:"tls"`            // version and suite of the connection
	Profiles []*profileReport `json:"profiles"`
}

type profileReport struct {
	Profile  fapi.Profile `json:"profile"`
	Title    string       `json:"title"`
	Must     int          `json:"must"`
	Should   int          `json:"should"`
	Findings []finding    `json:"findings"`
}

type finding struct {
	Document string `json:"document"` // metadata, keys or connection
	fapi.Finding
}

func (p *profileReport) add(document string, found []fapi.Finding) {
	for _, f := range found {
		p.Findings = append(p.Findings, finding{document, f})
	}
	p.Must, p.Should = 0, 0
	for _, f := range p.Findings {
		if f.Severity == fapi.Should {
			p.Should++
		} else {
			p.Must++
		}
	}
}

// binding counts what breaks a rule that binds.
func (r *report) binding() (count int) {
	for _, p := range r.Profiles {
		count += p.Must
	}
	return count
}

func (r *report) connected(state *tls.ConnectionState) {
	if state != nil {
		r.TLS = tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
	}
}

func (r *report) write(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	_, err := io.WriteString(w, r.text(paint(isTerminal(w))))
	return err
}

const width = 100

// text is for people: a line for each finding, with what to change below.
func (r *report) text(bold paint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "issuer    %s\nmetadata  %s\n", ascii(r.Issuer), ascii(r.Metadata))
	if r.Keys != "" {
		fmt.Fprintf(&b, "keys      %s\n", ascii(r.Keys))
	}
	fmt.Fprintf(&b, "TLS       %s\n", r.TLS)
	for _, p := range r.Profiles {
		fmt.Fprintf(&b, "\n%s: %d must, %d should\n", bold.on(p.Title, "1"), p.Must, p.Should)
		clauses := 0
		for _, f := range p.Findings {
			clauses = max(clauses, len(f.Clause))
		}
		for _, f := range p.Findings {
			margin := strings.Repeat(" ", len("  should  ")+clauses+2)
			colour := "31" // red
			if f.Severity == fapi.Should {
				colour = "33" // yellow
			}
			fmt.Fprintf(&b, "\n  %s  %-*s  ", bold.on(fmt.Sprintf("%-6s", f.Severity), colour), clauses, f.Clause)
			wrap(&b, f.Field+" "+f.Problem, margin)
			b.WriteString(margin)
			wrap(&b, "-> "+f.Change, margin+"   ")
		}
	}
	return b.String()
}

// wrap writes words from the margin on, and a new line at the end. The first
// line has its margin already.
func wrap(b *strings.Builder, text, margin string) {
	used := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case len(margin)+used+1+len(word) > width:
			b.WriteString("\n" + margin)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	b.WriteByte('\n')
}

// paint is true where colours are.
type paint bool

func (p paint) on(text, code string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// isTerminal honours NO_COLOR.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// ascii keeps a server from writing to the terminal: everything but printable
// ASCII and the ends of lines becomes a question mark.
func ascii(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\n' || c >= ' ' && c <= '~' {
			return c
		}
		return '?'
	}, text)
}
