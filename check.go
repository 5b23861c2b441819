package fapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/weburl"
)

// given wants the member. Where the absence has a meaning, that is said.
func given(meaning string) check {
	return func(d document, field string) string {
		if d.has(field) {
			return ""
		}
		return "is absent" + meaning
	}
}

func absent(d document, field string) string {
	if d.has(field) {
		return "is there"
	}
	return ""
}

func mustBeTrue(d document, field string) string {
	if d.members[field] == false || !d.has(field) {
		return "is " + d.describe(field, "false")
	}
	return ""
}

// orElse wants the member, or one of the others, to be true or a list with
// something in it.
func orElse(others ...string) check {
	return func(d document, field string) string {
		for _, name := range append([]string{field}, others...) {
			if d.has(name) && d.members[name] != false && notEmpty(d, name) == "" {
				return ""
			}
		}
		return "is absent or false, and so is " + strings.Join(others, ", ")
	}
}

// oneAmong wants exactly one of the member and the others.
func oneAmong(others ...string) check {
	return func(d document, field string) string {
		count := 0
		for _, name := range append([]string{field}, others...) {
			if d.has(name) {
				count++
			}
		}
		if count == 1 {
			return ""
		}
		return fmt.Sprintf("and its like are there %d times, not once", count)
	}
}

func notBeside(other string) check {
	return func(d document, field string) string {
		if d.has(field) && d.has(other) {
			return "is there beside " + other
		}
		return ""
	}
}

// contains wants all of the values; an absent list has none.
func contains(values ...string) check {
	return func(d document, field string) string {
		texts, ok := d.texts(field)
		if d.has(field) && !ok {
			return ""
		}
		for _, value := range values {
			if !slices.Contains(texts, value) {
				return d.orAbsent(field, "does not list "+value)
			}
		}
		return ""
	}
}

// only wants nothing but these values. It has nothing to say about absence.
func only(values ...string) check {
	return func(d document, field string) string {
		return d.reject(field, func(text string) bool { return !slices.Contains(values, text) })
	}
}

// avoid wants none of these values.
func avoid(values ...string) check {
	return func(d document, field string) string {
		return d.reject(field, func(text string) bool { return slices.Contains(values, text) })
	}
}

// reject names the values of a field that are bad.
func (d document) reject(field string, bad func(string) bool) string {
	texts, _ := d.texts(field)
	var found []string
	for _, text := range texts {
		if bad(text) {
			found = append(found, text)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "has " + d.describe(field, quote(found))
}

// describe says of a value whether it was read or follows from absence.
func (d document) describe(field, value string) string {
	if !d.has(field) || d.implied[field] {
		return value + ", since it is absent"
	}
	return value
}

func (d document) orAbsent(field, problem string) string {
	if d.has(field) {
		return problem
	}
	return "is absent"
}

func notEmpty(d document, field string) string {
	if list, ok := d.members[field].([]any); ok && len(list) == 0 {
		return "is an empty list"
	}
	return ""
}

// The JSON types of members.
type jsonType string

const (
	typeText    jsonType = "a string"
	typeList    jsonType = "a list of strings"
	typeBoolean jsonType = "true or false"
	typeObject  jsonType = "an object"
)

func (t jsonType) fits(value any) bool {
	switch value := value.(type) {
	case string:
		return t == typeText
	case bool:
		return t == typeBoolean
	case map[string]any:
		return t == typeObject
	case []string: // implied
		return t == typeList
	case []any:
		isText := func(item any) bool { _, ok := item.(string); return ok }
		return t == typeList && !slices.ContainsFunc(value, func(item any) bool { return !isText(item) })
	}
	return false
}

func (t jsonType) check(d document, field string) string {
	if !d.has(field) || t.fits(d.members[field]) {
		return ""
	}
	return "is not " + string(t)
}

// rows are those that want fields to be of the type.
func (t jsonType) rows(clause string, fields ...string) (rows []row) {
	for _, field := range fields {
		rows = append(rows, row{clause, Must, field, nil, t.check, "write " + string(t)})
	}
	return rows
}

// httpsURL wants an absolute https URL of a host.
func httpsURL(d document, field string) string {
	return d.reject(field, func(text string) bool { return !isHTTPS(text) })
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}

func noFragment(d document, field string) string {
	return d.reject(field, func(text string) bool { return strings.Contains(text, "#") })
}

// issuerURL leaves absence to another row.
func issuerURL(d document, field string) string {
	return d.reject(field, func(text string) bool { return checkIdentifier(text, false) != nil })
}

// unencryptedRedirect finds redirect URIs of which the response travels in the
// clear. Of native applications, those on the loopback interface do not.
func unencryptedRedirect(isNative condition) check {
	return func(d document, field string) string {
		return d.reject(field, func(text string) bool {
			u, err := url.Parse(text)
			if err != nil || u.Scheme == "" {
				return true
			}
			return u.Scheme == "http" && !(isNative(d) && weburl.IsLoopback(u.Hostname())) || u.Scheme == "https" && u.Hostname() == ""
		})
	}
}

// privateScheme finds redirect URIs that another application can claim.
func privateScheme(d document, field string) string {
	return d.reject(field, func(text string) bool {
		u, err := url.Parse(text)
		return err == nil && u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http"
	})
}

// quote writes at most three values, the long ones cut short. It leaves nothing
// unprintable: findings go to terminals.
func quote(values []string) string {
	var quoted []string
	for i, value := range values {
		if i == 3 {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(values)-i))
			break
		}
		quoted = append(quoted, fmt.Sprintf("%+q", shorten(value)))
	}
	return strings.Join(quoted, ", ")
}

// printable leaves the names of members that exist anywhere as they are.
func printable(name string) string {
	if isURLText(name) && len(name) <= maxQuoted {
		return name
	}
	return fmt.Sprintf("%+q", shorten(name))
}

const maxQuoted = 80

func shorten(text string) string {
	if len(text) > maxQuoted {
		return text[:maxQuoted] + "..."
	}
	return text
}
