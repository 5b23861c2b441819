package fapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/jose"
)

// maxDocument is the size of a metadata document or key set in octets.
const maxDocument = 1 << 20

// document is what the rows look at: members by name, with the values that the
// standards put in place of absent ones.
type document struct {
	members map[string]any
	implied map[string]bool // the members that are not in the input
}

// implication is the value of an absent member.
type implication struct {
	field string
	value any
	when  condition // nil: always
}

// parse reads a JSON object. jose.ReadObject refuses what two readers could
// understand in two ways, duplicates above all, before encoding/json, which
// would keep the last one, sees it.
func parse(what string, data []byte) (document, error) {
	if len(data) > maxDocument {
		return document{}, fmt.Errorf("fapi: %s %w: larger than 1 MiB", what, ErrInput)
	}
	if err := jose.ReadObject(data, nil); err != nil {
		return document{}, fmt.Errorf("fapi: %s %w: not one strict JSON object: %w", what, ErrInput, err)
	}
	d := newDocument()
	if err := json.Unmarshal(data, &d.members); err != nil {
		return document{}, fmt.Errorf("fapi: %s %w: a number is out of range", what, ErrInput)
	}
	return d, nil
}

func newDocument() document {
	return document{members: map[string]any{}, implied: map[string]bool{}}
}

func (d document) imply(implications []implication) {
	for _, i := range implications {
		if !d.has(i.field) && (i.when == nil || i.when(d)) {
			d.members[i.field], d.implied[i.field] = i.value, true
		}
	}
}

// flatten makes the members of an object visible as "name.member".
func (d document) flatten(name string) {
	inner, _ := d.members[name].(map[string]any)
	for member, value := range inner {
		d.members[name+"."+member] = value
	}
}

// fields are the members that a row is about.
func (d document) fields(pattern string) []string {
	before, after, isPattern := strings.Cut(pattern, "*")
	if !isPattern {
		return []string{pattern}
	}
	var names []string
	for name := range d.members {
		if len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (d document) has(field string) bool {
	_, ok := d.members[field]
	return ok
}

func (d document) isTrue(field string) bool { return d.members[field] == true }

// texts are the values of an array of strings, or of a string the one.
func (d document) texts(field string) (texts []string, ok bool) {
	switch value := d.members[field].(type) {
	case string:
		return []string{value}, true
	case []string:
		return value, true
	case []any:
		for _, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, true
	}
	return nil, false
}

func (d document) text(field string) string {
	text, _ := d.members[field].(string)
	return text
}

// lists reports whether one of the values is among those of the field.
func (d document) lists(field string, values ...string) bool {
	texts, _ := d.texts(field)
	return slices.ContainsFunc(texts, func(text string) bool { return slices.Contains(values, text) })
}
