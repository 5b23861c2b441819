package oauthhttp

import (
	"slices"
	"strings"
)

// Param is one parameter of a challenge. An empty Name marks the token68 that
// [ParseChallenges] found in place of parameters ("Negotiate YII=").
type Param struct {
	Name, Value string
}

// Challenge is one element of a WWW-Authenticate response field (RFC 9110 11.6.1).
type Challenge struct {
	Scheme string
	Params []Param
}

// Get returns the value of the parameter name, compared without case, or "" when
// there is none. Get("") returns the token68.
func (c Challenge) Get(name string) string {
	for _, p := range c.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value
		}
	}
	return ""
}

// String writes the challenge as one WWW-Authenticate field line, every value as a
// quoted string.
//
// A rune outside %x20-21 %x23-5B %x5D-7E (RFC 6750 section 3) becomes '?': no value
// can end its quotes or the line, and a word that lost characters still shows it.
// Parameters that cannot be written correctly are left out: a name that is not a
// token, a name that was already written (RFC 6750 3 forbids to repeat one; the
// first stands), and an empty value, which the grammar of error, error_description
// and scope does not know. A scheme that is not a token gives "". A token68 is not
// written, no OAuth scheme has one in a challenge.
func (c Challenge) String() string {
	if !isToken(c.Scheme) {
		return ""
	}
	var b strings.Builder
	b.WriteString(c.Scheme)
	separator := " "
	for i, p := range c.Params {
		if !writable(p) || slices.ContainsFunc(c.Params[:i], func(earlier Param) bool {
			return writable(earlier) && strings.EqualFold(earlier.Name, p.Name)
		}) {
			continue
		}
		b.WriteString(separator)
		b.WriteString(p.Name)
		b.WriteString(`="`)
		b.WriteString(printable(p.Value))
		b.WriteByte('"')
		separator = ", "
	}
	return b.String()
}

func writable(p Param) bool { return p.Value != "" && isToken(p.Name) }

// printable replaces what RFC 6750 section 3 and RFC 6749 section 5.2 forbid in
// error and error_description.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s)
}
