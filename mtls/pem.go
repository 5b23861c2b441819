package mtls

import (
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"
)

// strict refuses spare bits that are not zero, so that a certificate has one
// encoding. It skips line breaks, which decode has to look for.
var strict = base64.StdEncoding.Strict()

// parseDER reads the base64 of exactly one certificate.
func parseDER(text string) (*x509.Certificate, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, malformed("line break in base64")
	}
	der, err := strict.DecodeString(text)
	if err != nil {
		return nil, malformed("not padded standard base64")
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, malformed("not the DER of one X.509 certificate")
	}
	return certificate, nil
}

const (
	pemBegin = "-----BEGIN CERTIFICATE-----"
	pemEnd   = "-----END CERTIFICATE-----"
)

// readPEM reads 1 to limit certificates and nothing between them. encoding/pem
// would skip text around them, and wants the line breaks that a header field
// cannot have.
//
// PathUnescape leaves a plus alone. Apache and AWS do not encode it, and text
// without a percent sign stays as it is.
func readPEM(value string, limit int) (chain []*x509.Certificate, err error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, malformed("bad percent-encoding")
	}
	if strings.Count(text, pemBegin) > limit {
		return nil, malformed("too many certificates")
	}
	for text = strings.TrimLeft(text, pemSpace); text != "" || chain == nil; text = strings.TrimLeft(text, pemSpace) {
		body, begun := strings.CutPrefix(text, pemBegin)
		body, rest, ended := strings.Cut(body, pemEnd)
		if !begun || !ended {
			return nil, malformed("not PEM of certificates alone")
		}
		certificate, err := parseDER(withoutSpace(body))
		if err != nil {
			return nil, err
		}
		chain, text = append(chain, certificate), rest
	}
	return chain, nil
}

const pemSpace = " \t\r\n"

func withoutSpace(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(pemSpace, r) }), "")
}

// readBase64 reads 1 to limit certificates with commas between them. Traefik
// once percent-encoded them, and base64 has no percent sign.
func readBase64(value string, limit int) ([]*x509.Certificate, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, malformed("bad percent-encoding")
	}
	if strings.Count(text, ",")+1 > limit {
		return nil, malformed("too many certificates")
	}
	var chain []*x509.Certificate
	for item := range strings.SplitSeq(text, ",") {
		certificate, err := parseDER(item)
		if err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}
