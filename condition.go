package fapi

import "strings"

func has(field string) condition {
	return func(d document) bool { return d.has(field) }
}

func lists(field string, values ...string) condition {
	return func(d document) bool { return d.lists(field, values...) }
}

func both(a, b condition) condition {
	return func(d document) bool { return a(d) && b(d) }
}

func always(document) bool { return true }

func not(c condition) condition {
	return func(d document) bool { return !c(d) }
}

func holds(field string) condition {
	return func(d document) bool { return d.isTrue(field) }
}

// isOpenIDProvider is true for metadata that shows OpenID Connect; a plain
// OAuth server owes nothing to its rules.
func isOpenIDProvider(d document) bool {
	return d.lists("scopes_supported", "openid") || d.has("userinfo_endpoint") ||
		d.has("subject_types_supported") || len(d.fields("id_token_*")) > 0
}

// isOpenIDClient is the same for a registration. A scope is one string of
// words.
func isOpenIDClient(d document) bool {
	return hasWord("scope", "openid")(d) || d.lists("response_types", "code id_token", "id_token code") ||
		len(d.fields("id_token_*")) > 0 || len(d.fields("userinfo_*")) > 0
}

// hasWord looks for a word in a string of words separated by spaces, as scope
// and response_type are.
func hasWord(field, word string) condition {
	return func(d document) bool {
		for have := range strings.FieldsSeq(d.text(field)) {
			if have == word {
				return true
			}
		}
		return false
	}
}
