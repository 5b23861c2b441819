package jose

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// escapeLen is the length of the escape sequence at the start of b, or 0 when
// it is none. A surrogate counts only as the first half of a pair: a lone one
// is not a character, and decoders that replace it make different strings equal.
func escapeLen(b []byte) int {
	if len(b) < 2 || b[0] != '\\' {
		return 0
	}
	if b[1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), b[1]) < 0 {
			return 0
		}
		return 2
	}
	r, ok := hex4(b)
	if !ok {
		return 0
	}
	if !utf16.IsSurrogate(r) {
		return 6
	}
	low, ok := hex4(b[6:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0
	}
	return 12
}

// hex4 reads \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape resolves the escapes of a string that the scanner has checked. It
// copies only when there is something to resolve.
func unescape(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		if raw[0] != '\\' {
			out, raw = append(out, raw[0]), raw[1:]
			continue
		}
		n := escapeLen(raw)
		switch n {
		case 2:
			out = append(out, simpleEscape(raw[1]))
		case 6:
			r, _ := hex4(raw)
			out = utf8.AppendRune(out, r)
		default:
			high, _ := hex4(raw)
			low, _ := hex4(raw[6:])
			out = utf8.AppendRune(out, utf16.DecodeRune(high, low))
		}
		raw = raw[n:]
	}
	return out
}

func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
