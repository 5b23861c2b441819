package jose

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest, the outermost included.
const MaxDepth = 16

var (
	errSyntax    = malformed("JSON syntax")
	errUTF8      = malformed("invalid UTF-8")
	errDuplicate = malformed("duplicate member")
	errDepth     = fmt.Errorf("%w: nested too deep", ErrLimit)
	errTrailing  = malformed("data after the JSON object")
)

// ReadObject reads data as exactly one JSON object and calls visit for each of
// its members in order. Names are unescaped before they are compared, so an
// escaped spelling cannot smuggle in a second member, at any depth. The slices
// alias data. An error of visit ends the reading and is returned as it is.
//
// encoding/json cannot serve here: it folds the case of names, keeps the last
// of two duplicates and repairs invalid UTF-8, and each of those lets two
// readers of one token see two different tokens.
func ReadObject(data []byte, visit func(name []byte, value Value) error) error {
	if !utf8.Valid(data) {
		return errUTF8
	}
	s := scanner{data: data}
	s.space()
	if err := s.object(1, visit); err != nil {
		return err
	}
	s.space()
	if s.pos != len(data) {
		return errTrailing
	}
	return nil
}

type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// take consumes c if it is next.
func (s *scanner) take(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) object(depth int, visit func([]byte, Value) error) error {
	if depth > MaxDepth {
		return errDepth
	}
	if !s.take('{') {
		return errSyntax
	}
	if s.space(); s.take('}') {
		return nil
	}
	var seen names
	for {
		if err := s.member(depth, &seen, visit); err != nil {
			return err
		}
		if s.space(); s.take('}') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
		s.space()
	}
}

func (s *scanner) member(depth int, seen *names, visit func([]byte, Value) error) error {
	raw, err := s.string()
	if err != nil {
		return err
	}
	name := unescape(raw)
	if !seen.add(name) {
		return errDuplicate
	}
	if s.space(); !s.take(':') {
		return errSyntax
	}
	s.space()
	start := s.pos
	if err := s.value(depth); err != nil {
		return err
	}
	if visit == nil {
		return nil
	}
	return visit(name, Value(s.data[start:s.pos]))
}

func (s *scanner) value(depth int) error {
	if s.pos == len(s.data) {
		return errSyntax
	}
	switch c := s.data[s.pos]; c {
	case '{':
		return s.object(depth+1, nil)
	case '[':
		return s.array(depth + 1)
	case '"':
		_, err := s.string()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	s.pos++
	if s.space(); s.take(']') {
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		if s.space(); s.take(']') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
		s.space()
	}
}

func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(word)) {
		return errSyntax
	}
	s.pos += len(word)
	return nil
}

// number follows RFC 8259 section 6: no leading zero, plus sign or bare point.
func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return errSyntax
	}
	if s.take('.') && !s.digits() {
		return errSyntax
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return errSyntax
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// string consumes a JSON string and returns what stands between its quotes,
// escapes checked but not yet resolved.
func (s *scanner) string() ([]byte, error) {
	if !s.take('"') {
		return nil, errSyntax
	}
	for start := s.pos; ; {
		for s.pos < len(s.data) && !special[s.data[s.pos]] {
			s.pos++
		}
		if s.take('"') {
			return s.data[start : s.pos-1], nil
		}
		n := escapeLen(s.data[s.pos:])
		if n == 0 {
			return nil, errSyntax
		}
		s.pos += n
	}
}

// special are the octets at which a string cannot simply go on. A table, since
// most of a proof's payload passes by here.
var special = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// names remembers the member names of one object. Almost every object fits the
// array, which lives on the stack; larger ones pay for a map and stay linear.
type names struct {
	few  [16][]byte
	n    int
	many map[string]struct{}
}

func (s *names) add(name []byte) bool {
	for _, have := range s.few[:s.n] {
		if bytes.Equal(have, name) {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
	}
	before := len(s.many)
	s.many[string(name)] = struct{}{}
	return len(s.many) > before
}
