package mtls

import (
	"crypto/x509"
	"strings"
)

// readRFC9440 reads a Client-Cert field and the joined lines of a
// Client-Cert-Chain field, which may be empty.
func readRFC9440(leaf, intermediates string) ([]*x509.Certificate, error) {
	certificate, err := readItem(leaf)
	if err != nil {
		return nil, err
	}
	chain := []*x509.Certificate{certificate}
	if intermediates == "" {
		return chain, nil
	}
	if strings.Count(intermediates, ",")+2 > maxChain {
		return nil, malformed("too many certificates")
	}
	for item := range strings.SplitSeq(intermediates, ",") {
		certificate, err := readItem(strings.Trim(item, " \t"))
		if err != nil {
			return nil, err
		}
		if certificate.Equal(chain[0]) { // RFC 9440 section 2.3
			return nil, malformed("chain repeats the certificate")
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// readItem reads an Item of RFC 9651 that is a Byte Sequence. Parameters are
// passed over, as the RFC wants it of those that a field does not define.
func readItem(item string) (*x509.Certificate, error) {
	text, opened := strings.CutPrefix(item, ":")
	text, parameters, closed := strings.Cut(text, ":")
	if !opened || !closed || !areParameters(parameters) {
		return nil, malformed("not a byte sequence of structured fields")
	}
	return parseDER(text)
}

// areParameters knows those whose values are tokens, numbers or booleans. No
// proxy sends any, and to read strings as well, in which a comma or a semicolon
// is none, would take a parser larger than the rest.
func areParameters(text string) bool {
	for text != "" {
		parameter, ok := strings.CutPrefix(text, ";")
		if !ok {
			return false
		}
		if next := strings.IndexByte(parameter, ';'); next >= 0 {
			parameter, text = parameter[:next], parameter[next:]
		} else {
			text = ""
		}
		key, value, valued := strings.Cut(strings.TrimLeft(parameter, " "), "=")
		if key == "" || strings.Trim(key, keyLetters) != "" || key[0] != '*' && (key[0] < 'a' || key[0] > 'z') {
			return false
		}
		if valued && (value == "" || strings.Trim(value, valueLetters) != "") {
			return false
		}
	}
	return true
}

const (
	keyLetters   = "abcdefghijklmnopqrstuvwxyz0123456789_-.*"
	valueLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~:/?@"
)
