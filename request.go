package fapi

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/jose"
)

// CheckAuthorizationRequest checks what a client sends to the server of this
// issuer: the parameters that it pushes (RFC 9126), client authentication
// included, and those in the front channel, the query at the authorization
// endpoint. A client that pushes nothing has empty pushed parameters. A request
// object or client assertion among them is read too, but its signature is not
// verified, and whether its times are right now is not looked at.
//
// In findings, "pushed." and "front." are the two sets of parameters, "object."
// the header and claims of the request object, "assertion." those of the client
// assertion, and "request." the parameters in force: those in the object if there
// is one, otherwise the pushed ones, otherwise those in front.
//
// The error wraps [ErrProfile], or [ErrInput] for an issuer that is none, a token
// that is no JWS, or is encrypted, and for a front channel that only refers to a
// request which is not there.
func (p Profile) CheckAuthorizationRequest(issuer string, pushed, front url.Values) ([]Finding, error) {
	t, err := p.tables()
	if err != nil {
		return nil, err
	}
	if err := checkIdentifier(issuer, false); err != nil {
		return nil, fmt.Errorf("fapi: issuer %w: %w", ErrInput, err)
	}
	d, err := readRequest(pushed, front)
	if err != nil {
		return nil, err
	}
	d.members["issuer"] = issuer
	return d.findings(t.request, ""), nil
}

func readRequest(pushed, front url.Values) (document, error) {
	d := newDocument()
	outer, params := "front.", front
	d.addAll("front.", front)
	if d.addAll("pushed.", pushed) {
		outer, params = "pushed.", pushed
		d.members["pushed"] = true
	}
	object := d.text(outer + "request")
	if object == "" && outer == "front." && d.has("front.request_uri") {
		return d, fmt.Errorf("fapi: request %w: front refers to parameters that are not given", ErrInput)
	}
	if object != "" {
		d.members["object"] = true
		if err := d.addToken("request object", object, "object.", "request."); err != nil {
			return d, err
		}
	} else {
		d.addAll("request.", params)
	}
	if assertion := d.text("pushed.client_assertion"); assertion != "" {
		return d, d.addToken("client assertion", assertion, "assertion.", "assertion.")
	}
	return d, nil
}

// addAll adds parameters; one without value counts as absent (RFC 6749 section
// 3.1). It reports whether there were any.
func (d document) addAll(prefix string, params url.Values) (some bool) {
	for name, values := range params {
		switch {
		case len(values) == 1 && values[0] != "":
			d.members[prefix+name], some = values[0], true
		case len(values) > 1:
			d.members[prefix+name], some = values, true
		}
	}
	return some
}

// addToken adds alg, typ and the registered claims under one prefix and the
// other claims under the other.
func (d document) addToken(what, token, registered, others string) error {
	if jose.IsEncrypted(token) {
		return fmt.Errorf("fapi: %s %w: it is encrypted", what, ErrInput)
	}
	segments := strings.Split(token, ".")
	if len(segments) != 3 || len(token) > jose.MaxToken {
		return fmt.Errorf("fapi: %s %w: not a compact JWS", what, ErrInput)
	}
	header, err := parseSegment(what, segments[0])
	if err != nil {
		return err
	}
	claims, err := parseSegment(what, segments[1])
	if err != nil {
		return err
	}
	for _, name := range []string{"alg", "typ"} {
		if header.has(name) {
			d.members[registered+name] = header.members[name]
		}
	}
	for name, value := range claims.members {
		switch name {
		case "iss", "aud", "exp", "nbf", "iat", "jti", "sub":
			d.members[registered+name] = value
		default:
			d.members[others+name] = value
		}
	}
	return nil
}

func parseSegment(what, segment string) (document, error) {
	octets, err := jose.Decode(segment)
	if err != nil {
		return document{}, fmt.Errorf("fapi: %s %w: not a compact JWS", what, ErrInput)
	}
	return parse(what, octets)
}
