package oauthhttp

import (
	"slices"
	"strings"
)

// Limits of [ParseChallenges]. Real responses stay far below: a handful of
// challenges, a few hundred bytes.
const (
	maxChallengeBytes  = 16 << 10 // all lines together
	maxChallenges      = 32       // in one response
	maxChallengeParams = 32       // in one challenge
)

// ParseChallenges reads the lines of a WWW-Authenticate response field, as
// http.Header.Values returns them, by the grammar of RFC 9110 11.6.1: several
// challenges in a line, token or quoted values, white space around "=", token68,
// empty list elements. Schemes are kept as sent, parameter names are lower-cased, a
// token68 is the parameter with the empty name. Use [Find] and [Challenge.Get].
//
// It is as liberal as is safe, since a client must ignore what it does not know
// (RFC 9449 7.1):
//   - From the first byte of a line that does not fit, the rest of that line is
//     dropped, and nothing in it is taken for another challenge. What stood before
//     stays, without a scheme or value that was cut short; other lines are not
//     affected.
//   - Each line stands alone: a parameter at its start belongs to nobody.
//   - Of a repeated parameter the first counts.
//   - A line beyond 16 KiB in total is dropped whole with all after it, so are the
//     challenges after the 32nd and the parameters after the 32nd of a challenge.
func ParseChallenges(lines []string) []Challenge {
	var p challengeParser
	total := 0
	for _, line := range lines {
		if total += len(line); total > maxChallengeBytes {
			break
		}
		p.rest, p.open = line, false
		for p.skip(" \t,"); p.rest != "" && p.element(); p.skip(" \t,") {
		}
	}
	return p.found
}

// Find returns the first challenge of the scheme, compared without case.
func Find(challenges []Challenge, scheme string) (Challenge, bool) {
	for _, c := range challenges {
		if strings.EqualFold(c.Scheme, scheme) {
			return c, true
		}
	}
	return Challenge{}, false
}

type challengeParser struct {
	rest  string
	found []Challenge
	open  bool // the last challenge stands in this line and can take parameters
}

// element reads one list element: a scheme, alone or with its token68 or first
// parameter, or a further parameter of the last scheme. Only "=" tells a parameter
// from a scheme. It reports whether the line can be read on.
func (p *challengeParser) element() bool {
	name := p.token()
	if name == "" {
		return false
	}
	gap := p.skip(" \t")
	if !strings.HasPrefix(p.rest, "=") {
		if len(p.found) == maxChallenges || !gap && !p.atEnd() {
			return false
		}
		p.found, p.open = append(p.found, Challenge{Scheme: name}), true
		if p.atEnd() || p.token68() {
			return true
		}
		name = p.token()
		p.skip(" \t")
	}
	return p.param(name)
}

// param reads "=" and the value. A value is kept only if its end is certain: in
// `algs=ES256@x` no algorithm was named.
func (p *challengeParser) param(name string) bool {
	if name == "" || !p.open || !strings.HasPrefix(p.rest, "=") {
		return false
	}
	p.rest = p.rest[1:]
	p.skip(" \t")
	value, ok := p.value()
	if !ok || !p.skip(" \t") && !p.atEnd() {
		return false
	}
	p.add(Param{strings.ToLower(name), value})
	return p.atEnd()
}

// token68 takes a token68 that fills the rest of its element, and closes the
// challenge: it cannot have parameters as well.
func (p *challengeParser) token68() bool {
	n := token68Len(p.rest)
	after := strings.TrimLeft(p.rest[n:], " \t")
	if n == 0 || after != "" && after[0] != ',' {
		return false
	}
	p.add(Param{"", p.rest[:n]})
	p.rest, p.open = after, false
	return true
}

func (p *challengeParser) add(param Param) {
	c := &p.found[len(p.found)-1]
	repeated := slices.ContainsFunc(c.Params, func(q Param) bool { return q.Name == param.Name })
	if !repeated && len(c.Params) < maxChallengeParams {
		c.Params = append(c.Params, param)
	}
}

func (p *challengeParser) atEnd() bool { return p.rest == "" || p.rest[0] == ',' }

// skip passes over the characters of set and reports whether there were any.
func (p *challengeParser) skip(set string) bool {
	before := len(p.rest)
	p.rest = strings.TrimLeft(p.rest, set)
	return len(p.rest) < before
}

func (p *challengeParser) token() string {
	n := 0
	for n < len(p.rest) && isTokenByte(p.rest[n]) {
		n++
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token
}

func (p *challengeParser) value() (string, bool) {
	if strings.HasPrefix(p.rest, `"`) {
		return p.quoted()
	}
	token := p.token()
	return token, token != ""
}

// quoted reads a quoted-string (RFC 9110 5.6.4). A control character ends it as
// malformed: it cannot have come through HTTP unharmed.
func (p *challengeParser) quoted() (string, bool) {
	var value []byte
	for i := 1; i < len(p.rest); i++ {
		c := p.rest[i]
		if c == '"' {
			p.rest = p.rest[i+1:]
			return string(value), true
		}
		if c == '\\' {
			if i++; i == len(p.rest) {
				break
			}
			c = p.rest[i]
		}
		if c < 0x20 && c != '\t' || c == 0x7f {
			break
		}
		value = append(value, c)
	}
	return "", false
}

// isToken reports whether s is a token (RFC 9110 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
