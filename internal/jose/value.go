package jose

import (
	"math"
	"strconv"
	"time"
)

// Value is the text of one JSON value that [ReadObject] has checked. A typed
// getter refuses every other type, null included: a claim of the wrong type is
// a malformed token, never an absent claim.
type Value []byte

var (
	errNotString = malformed("a member is not a string")
	errNotTime   = malformed("a member is not a NumericDate")
	errNotList   = malformed("a member is not an array of strings")
	errNotBool   = malformed("a member is not a boolean")
)

// Bytes returns the characters of a JSON string. They alias the input unless
// the string holds escapes.
func (v Value) Bytes() ([]byte, error) {
	if len(v) < 2 || v[0] != '"' {
		return nil, errNotString
	}
	return unescape(v[1 : len(v)-1]), nil
}

// Text returns a JSON string.
func (v Value) Text() (string, error) {
	b, err := v.Bytes()
	return string(b), err
}

// Bool returns true or false.
func (v Value) Bool() (bool, error) {
	switch string(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errNotBool
}

// maxDate is the last second of the year 9999. Larger values are milliseconds
// or attacks on integer conversion.
const maxDate = 253402300799

// Time returns a NumericDate (RFC 7519 section 2): a JSON number of seconds,
// possibly with a fraction, from 1970 to the year 9999.
func (v Value) Time() (time.Time, error) {
	if seconds, ok := wholeSeconds(v); ok {
		return time.Unix(seconds, 0), nil
	}
	if len(v) == 0 || v[0] == '"' || len(v) > 32 {
		return time.Time{}, errNotTime
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || !(f >= 0 && f <= maxDate) {
		return time.Time{}, errNotTime
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// wholeSeconds reads the usual form, at most twelve digits, without a float.
func wholeSeconds(v Value) (int64, bool) {
	if len(v) == 0 || len(v) > 12 {
		return 0, false
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= maxDate
}

// Texts returns a JSON array of strings.
func (v Value) Texts() ([]string, error) {
	list := []string{}
	err := v.each(func(item Value) error {
		text, err := item.Text()
		list = append(list, text)
		return err
	})
	if err != nil {
		return nil, errNotList
	}
	return list, nil
}

// each visits the items of a JSON array. The text was checked before, so the
// scanner only has to find where one item ends.
func (v Value) each(visit func(Value) error) error {
	s := scanner{data: v}
	if !s.take('[') {
		return errNotList
	}
	for s.space(); !s.take(']'); s.space() {
		start := s.pos
		if err := s.value(1); err != nil {
			return err
		}
		if err := visit(Value(v[start:s.pos])); err != nil {
			return err
		}
		s.space()
		s.take(',')
	}
	return nil
}
