package oauthhttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of [ReadForm].
const (
	DefaultFormBytes = 64 << 10 // body, when the caller names no limit
	MaxFormParams    = 128      // parameters; repeated and empty ones count each
)

// FormError is a form that was refused: exactly one of [ErrMethod],
// [ErrContentType], [ErrTooLarge], [ErrMalformed], [ErrRepeated].
type FormError struct {
	status      int
	description string // fixed, goes out as error_description
}

// What [ReadForm] refuses.
var (
	ErrMethod      = &FormError{http.StatusMethodNotAllowed, "the method is not POST"}                                      // RFC 6749 3.2, RFC 9126 2.3
	ErrContentType = &FormError{http.StatusBadRequest, "the content is not a plain application/x-www-form-urlencoded form"} // RFC 6749 3.2, appendix B
	ErrTooLarge    = &FormError{http.StatusRequestEntityTooLarge, "the form is too large"}                                  // RFC 9126 2.3
	ErrMalformed   = &FormError{http.StatusBadRequest, "the form is malformed"}                                             // RFC 6749 appendix B
	ErrRepeated    = &FormError{http.StatusBadRequest, "a parameter is repeated"}                                           // RFC 6749 3.1, 3.2
)

// Error names the rule; it repeats nothing of the request.
func (e *FormError) Error() string { return "oauthhttp: " + e.description }

// OAuthCode is "invalid_request" (RFC 6749 5.2).
func (*FormError) OAuthCode() string { return "invalid_request" }

// Status is the HTTP status: 405 for [ErrMethod], 413 for [ErrTooLarge], else 400.
func (e *FormError) Status() int { return e.status }

// ReadForm reads the parameters of a token, PAR or introspection request, which are
// an application/x-www-form-urlencoded body and nothing else. The query is never
// read: RFC 6749 2.3.1 forbids credentials there, and the endpoint URL may have a
// query of its own.
//
// Refused with a [*FormError]: another method than POST; a Content-Type that is
// missing, repeated, of another type, or with another parameter than charset=utf-8;
// a Content-Encoding; more than maxBytes (0 or less: [DefaultFormBytes]) or more than
// [MaxFormParams] parameters; broken percent-encoding, a bare ";", a NUL, invalid
// UTF-8, a parameter without name; a parameter that comes twice, also in another
// letter case, unless its name is in repeatable. Any other error means that the body
// could not be read.
//
// A parameter without value counts as a repetition but is otherwise left out
// (RFC 6749 3.2).
//
// The body is read once. The returned form is r.PostForm, and r.Form as well, so
// whoever changes it changes it for all; there a second ReadForm finds it and applies every rule but the size to it again, also if
// r.ParseForm put it there (that one drops what it cannot parse, so call ReadForm
// first). Code that reads a form on behalf of an endpoint, as client authentication
// does, has to pass the endpoint's repeatable names. Once a read has failed, every
// further read of the body fails with the same error, and no second reader goes on
// in the middle.
//
// w lets net/http close the connection after a body that was too large; it may be
// nil.
func ReadForm(w http.ResponseWriter, r *http.Request, maxBytes int64, repeatable ...string) (url.Values, error) {
	if r.Method != http.MethodPost {
		return nil, ErrMethod
	}
	if !plainForm(r.Header) {
		return nil, ErrContentType
	}
	if r.PostForm == nil {
		form, err := readBody(w, r, maxBytes)
		if err != nil {
			return nil, err
		}
		r.PostForm = form
	}
	r.Form = r.PostForm
	if err := checkForm(r.PostForm, repeatable); err != nil {
		return nil, err
	}
	return r.PostForm, nil
}

func plainForm(h http.Header) bool {
	types := h.Values("Content-Type")
	if len(types) != 1 {
		return false
	}
	mediaType, params, err := mime.ParseMediaType(types[0])
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	for _, encoding := range h.Values("Content-Encoding") {
		if !strings.EqualFold(encoding, "identity") {
			return false
		}
	}
	return true
}

// usualFormBytes is what a declared length is believed for before anything came: a
// push with three signed objects fits.
const usualFormBytes = 8 << 10

func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) (url.Values, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultFormBytes
	}
	if r.ContentLength > maxBytes {
		return nil, ErrTooLarge
	}
	if r.Body == nil {
		return url.Values{}, nil
	}
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), usualFormBytes)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBytes))
	var form url.Values
	if err == nil {
		form, err = parseForm(body.String())
	}
	if err != nil {
		err = formReadError(err)
		r.Body = failedBody{r.Body, err}
	}
	return form, err
}

func formReadError(err error) error {
	if refused, ok := errors.AsType[*FormError](err); ok {
		return refused
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ErrTooLarge
	}
	return fmt.Errorf("oauthhttp: read form: %w", err)
}

// failedBody stands in for a body that was refused: the rest of it, or the nothing
// that is left of it, must not be read as a form by the next reader.
type failedBody struct {
	io.Closer
	err error
}

func (b failedBody) Read([]byte) (int, error) { return 0, b.err }

func parseForm(body string) (url.Values, error) {
	if strings.Count(body, "&") >= MaxFormParams {
		return nil, ErrTooLarge
	}
	if strings.Contains(body, ";") {
		return nil, ErrMalformed
	}
	form := url.Values{}
	for pair := range strings.SplitSeq(body, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(rawName)
		value, valueErr := url.QueryUnescape(rawValue)
		if nameErr != nil || valueErr != nil {
			return nil, ErrMalformed
		}
		form[name] = append(form[name], value)
	}
	return form, nil
}

// checkForm applies the rules that hold whoever parsed the form, and takes the
// empty values out. Letter case is folded to find repetitions, since a backend that
// folds it later would see two values.
func checkForm(form url.Values, repeatable []string) error {
	if countParams(form) > MaxFormParams {
		return ErrTooLarge
	}
	for name, values := range form { // first, so that the answer does not depend on the order of a map
		if name == "" || notText(name) || slices.ContainsFunc(values, notText) {
			return ErrMalformed
		}
	}
	var folded map[string]bool // of the rare names that are not in lower case
	for name, values := range form {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return ErrRepeated
		}
		if lower := strings.ToLower(name); lower != name {
			if form.Has(lower) || folded[lower] {
				return ErrRepeated
			}
			if folded == nil {
				folded = make(map[string]bool)
			}
			folded[lower] = true
		}
	}
	dropEmpty(form)
	return nil
}

func dropEmpty(form url.Values) {
	for name, values := range form {
		if !slices.Contains(values, "") {
			continue
		}
		values = slices.DeleteFunc(values, func(value string) bool { return value == "" })
		if form[name] = values; len(values) == 0 {
			delete(form, name)
		}
	}
}

func countParams(form url.Values) (n int) {
	for _, values := range form {
		n += len(values)
	}
	return n
}

func notText(s string) bool {
	return !utf8.ValidString(s) || strings.Contains(s, "\x00")
}
