// Package strictjson reads the configuration of a program, and tells everything
// that is wrong with it at once: the path of each field and the rule it breaks.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode fills the struct behind v from one JSON document. On its own,
// encoding/json takes names in any letter case, keeps the last of two equal ones,
// reads null as nothing and stops at the first mistake. Here each of those is a
// problem with the path to it, and v is filled only if there is none.
//
// The struct is made of strings, booleans, ints, slices, structs, pointers to
// structs, and json.RawMessage, in which only the names have to be unique.
func Decode(data []byte, v any) Problems {
	if !utf8.Valid(data) {
		return Problems{{"", "must be UTF-8"}}
	}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return Problems{{"", syntaxProblem(data, err)}}
	}
	r := reader{tokens: json.NewDecoder(bytes.NewReader(data))}
	r.tokens.UseNumber()
	r.value("", reflect.TypeOf(v).Elem())
	if len(r.problems) > 0 {
		return r.problems
	}
	if err := json.Unmarshal(data, v); err != nil {
		return Problems{{"", err.Error()}}
	}
	return nil
}

func syntaxProblem(data []byte, err error) string {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err.Error()
	}
	read := data[:min(int(syntax.Offset), len(data))]
	return fmt.Sprintf("line %d: %v", 1+bytes.Count(read, []byte("\n")), syntax)
}

// reader compares a document that is known to be JSON with the type it is for.
type reader struct {
	tokens   *json.Decoder
	problems Problems
}

// anything is the type of parts that others check.
var anything = reflect.TypeFor[json.RawMessage]()

func (r *reader) value(path string, want reflect.Type) {
	if want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch token := r.next().(type) {
	case json.Delim:
		if token == '{' {
			r.object(path, r.expect(path, want, reflect.Struct, "an object"))
		} else {
			r.array(path, r.expect(path, want, reflect.Slice, "an array"))
		}
	case string:
		r.expect(path, want, reflect.String, "a string")
	case bool:
		r.expect(path, want, reflect.Bool, "true or false")
	case nil:
		if want != anything {
			r.note(path, "must not be null: leave it out")
		}
	case json.Number:
		if _, err := strconv.Atoi(token.String()); err != nil && want.Kind() == reflect.Int {
			r.note(path, "must be a whole number")
			return
		}
		r.expect(path, want, reflect.Int, "a number")
	}
}

// next cannot fail: the document has been read once before.
func (r *reader) next() json.Token {
	token, _ := r.tokens.Token()
	return token
}

// expect notes a value of another kind than wanted, and returns the type to
// compare the inside with.
func (r *reader) expect(path string, want reflect.Type, kind reflect.Kind, found string) reflect.Type {
	if want == anything || want.Kind() == kind {
		return want
	}
	names := map[reflect.Kind]string{
		reflect.Struct: "an object", reflect.Slice: "an array", reflect.String: "a string",
		reflect.Bool: "true or false", reflect.Int: "a whole number",
	}
	r.note(path, "must be "+names[want.Kind()]+", not "+found)
	return anything
}

func (r *reader) object(path string, want reflect.Type) {
	seen := map[string]bool{}
	for r.tokens.More() {
		name, _ := r.next().(string)
		at := member(path, name)
		if seen[name] {
			r.note(at, "must not be there twice")
		}
		seen[name] = true
		field, ok := fieldOf(want, name)
		if !ok {
			r.note(at, "is not a field of the configuration (names are exact)")
		}
		r.value(at, field)
	}
	r.next() // the closing brace
}

func (r *reader) array(path string, want reflect.Type) {
	of := anything
	if want != anything {
		of = want.Elem()
	}
	for i := 0; r.tokens.More(); i++ {
		r.value(element(path, i), of)
	}
	r.next() // the closing bracket
}

func (r *reader) note(path, rule string) { Section{&r.problems, path}.Refuse("%s", rule) }

// fieldOf is the type of the member with this name, without which it is anything.
func fieldOf(want reflect.Type, name string) (of reflect.Type, ok bool) {
	if want == anything {
		return anything, true
	}
	for i := range want.NumField() {
		if tag, _, _ := strings.Cut(want.Field(i).Tag.Get("json"), ","); tag != "" && tag == name {
			return want.Field(i).Type, true
		}
	}
	return anything, false
}
