package mtls

import (
	"crypto/x509"
	"encoding/hex"
	"strings"
)

// xfccElement is what one Envoy says of its client, as far as it matters here.
type xfccElement struct{ hash, cert, chain string }

// readXFCC reads the first of hops+1 elements. With fewer of them, the edge saw
// no certificate and the Envoys behind it spoke of each other.
//
// Envoy writes the DNS and URI names of a certificate without quotes, so a name
// can hold anything that looks like syntax: another element, which makes them
// too many, or another Hash or Cert, which makes two. A Hash is always there.
func readXFCC(value string, hops int, withChain bool) ([]*x509.Certificate, error) {
	elements, err := parseXFCC(value, hops+1)
	switch {
	case err != nil:
		return nil, err
	case len(elements) <= hops:
		return nil, refuse(ErrNoCertificate, codeRequest)
	}
	client := elements[0]
	if !withChain {
		client.chain = ""
	}
	chain, err := client.certificates()
	if err != nil {
		return nil, err
	}
	sum := Thumbprint(chain[0])
	if hash, err := hex.DecodeString(client.hash); err != nil || string(hash) != string(sum[:]) {
		return nil, malformed("Hash is not the certificate's")
	}
	return chain, nil
}

// certificates reads Cert, Chain, or both; the chain begins with the leaf.
func (e xfccElement) certificates() ([]*x509.Certificate, error) {
	if e.chain == "" {
		return readPEM(e.cert, 1)
	}
	chain, err := readPEM(e.chain, maxChain)
	if err != nil || e.cert == "" {
		return chain, err
	}
	leaf, err := readPEM(e.cert, 1)
	if err != nil {
		return nil, err
	}
	if !leaf[0].Equal(chain[0]) {
		return nil, malformed("Cert is not the first of Chain")
	}
	return chain, nil
}

// parseXFCC reads up to limit elements; in them and between them, delimiters
// count outside of quotes only.
func parseXFCC(value string, limit int) (elements []xfccElement, err error) {
	for {
		var element xfccElement
		if value, err = element.read(value); err != nil {
			return nil, err
		}
		if elements = append(elements, element); value == "" {
			return elements, nil
		}
		if len(elements) == limit {
			return nil, malformed("more elements than hops")
		}
		value = strings.TrimLeft(value[1:], " ")
	}
}

// read takes the element at the front. What remains is empty or begins with a
// comma.
func (e *xfccElement) read(text string) (rest string, err error) {
	seen := map[string]bool{}
	for {
		key, value, ok := strings.Cut(text, "=")
		value, rest, closed := cutValue(value)
		key = strings.ToLower(key)
		if !ok || !closed || seen[key] || key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz") != "" {
			return "", malformed("not elements of X-Forwarded-Client-Cert")
		}
		switch key {
		case "hash":
			e.hash = value
		case "cert":
			e.cert = value
		case "chain":
			e.chain = value
		}
		seen[key] = key != "by" && key != "uri" && key != "dns" // certificates may have several
		if rest == "" || rest[0] == ',' {
			return rest, nil
		}
		text = rest[1:]
	}
}

// cutValue takes the value at the front, quoted or not. What remains is empty
// or begins with a delimiter.
//
// A backslash before a quote keeps the string open. An even number of them is
// refused: the format's description and what Envoy does with a subject that
// ends in a backslash disagree about it.
func cutValue(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		end := strings.IndexAny(text, `,;"`)
		if end < 0 {
			return text, "", true
		}
		return text[:end], text[end:], text[end] != '"'
	}
	text = text[1:]
	for end, slashes := 0, 0; end < len(text); end++ {
		switch {
		case text[end] == '\\':
			slashes++
			continue
		case text[end] == '"' && slashes == 0:
			value, rest = text[:end], text[end+1:]
			return value, rest, rest == "" || rest[0] == ',' || rest[0] == ';'
		case text[end] == '"' && slashes%2 == 0:
			return "", "", false
		}
		slashes = 0
	}
	return "", "", false
}
